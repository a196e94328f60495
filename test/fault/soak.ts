/**
 * `node test/fault/soak.ts --cycles 500 [--root DIR]`: up and down of the five services again and again. Prints, every
 * tenth of the way, the engine's memory and descriptors, the disk that its root takes, and the time of a cycle; exit code
 * 1 when the last tenth is worse than the second (the first warms up) by more than the tolerance.
 */
import { mkdtempSync, readFileSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { BUSYBOX_IMAGE, busyboxTar } from '../support/busybox.ts'
import { runCommand } from '../support/command.ts'
import { createEngine } from '../support/engine.ts'
import { sweep } from '../support/leaks.ts'
import { checkLeaks, checkStopped } from './checks.ts'
import { createStack, fileDatabase } from './stack.ts'

const TENTHS = 10
const TOLERANCE = { memoryMib: 8, descriptors: 2, diskKib: 2048, cycleFactor: 1.3 }

const { values } = parseArgs({ options: { cycles: { type: 'string', default: '500' }, root: { type: 'string' } } })
const root = values.root ?? mkdtempSync(join(tmpdir(), 'mycompose-soak-'))
const engine = createEngine(root)

interface Sample {
  readonly cycles: number
  readonly memoryMib: number
  readonly descriptors: number
  readonly diskKib: number
  /** Median of the cycles since the last sample. */
  readonly cycleMs: number
}

async function sample(cycles: number, times: readonly number[]): Promise<Sample> {
  const pid = engine.pid() ?? 0
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  // the log of the engine grows by design, up to its cap
  const du = await runCommand(['du', '-sk', '--exclude=engine.log*', root])
  return {
    cycles,
    memoryMib: Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    diskKib: Number.parseInt(du.stdout, 10),
    cycleMs: Math.round(times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0),
  }
}

function worse(early: Sample, late: Sample): string[] {
  return [
    ...(late.memoryMib > early.memoryMib + TOLERANCE.memoryMib ? ['memory grows'] : []),
    ...(late.descriptors > early.descriptors + TOLERANCE.descriptors ? ['descriptors leak'] : []),
    ...(late.diskKib > early.diskKib + TOLERANCE.diskKib ? ['the disk fills'] : []),
    ...(late.cycleMs > early.cycleMs * TOLERANCE.cycleFactor ? ['cycles take longer'] : []),
  ]
}

await engine.ok(['image', 'import', await busyboxTar(), BUSYBOX_IMAGE])
const stack = await createStack(engine, fileDatabase)
const cycles = Number(values.cycles)
const samples: Sample[] = []
let times: number[] = []
for (let cycle = 1; cycle <= cycles; cycle += 1) {
  const startedMs = performance.now()
  await stack.project.ok('up', '-d', '--wait')
  await stack.project.ok('down', '-v', '-t', '2')
  times.push(performance.now() - startedMs)
  if (cycle % Math.ceil(cycles / TENTHS) !== 0) continue
  const found = await sample(cycle, times)
  samples.push(found)
  times = []
  process.stdout.write(`${JSON.stringify(found)}\n`)
}
await checkLeaks(engine)
engine.close()
await engine.ok(['engine', 'stop'])
await checkStopped(engine)
const [, early] = samples
const late = samples.at(-1)
const problems = early === undefined || late === undefined ? ['too few cycles'] : worse(early, late)
process.stdout.write(problems.length === 0 ? 'flat\n' : `${problems.join(', ')}\n`)
await stack.project[Symbol.asyncDispose]()
if (values.root === undefined) await sweep(engine.config)
process.exitCode = problems.length === 0 ? 0 : 1
