/**
 * The floor: what the kernel and the OCI runtime need for the same work, without any of our parts: bare `crun run` (or
 * `runc run` where crun refuses the cgroup layout) of prepared bundles, no network, no monitor, no records.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { INGESTED_BYTES, LOG_LINE, LOG_LINES } from './fixtures.ts'
import type { PostgresFloor } from './floor-postgres.ts'
import { run } from './measure.ts'

const PARALLEL = 4

export interface Floor {
  readonly runtime: string
  up(count: number): Promise<number>
  down(count: number): Promise<number>
  /** As `up`, each only after the one before it runs. */
  chain(count: number): Promise<number>
  /** Reading as many lines of the same length from a plain file. */
  logs(): Promise<number>
  /** A gigabyte of such lines through a pipe into a plain file. */
  ingestion(): Promise<number>
  exec(): Promise<number>
  /** Where the images of the examples are there. */
  readonly postgres?: PostgresFloor
  /** `cp -a` of it, and one pass over the copy as a tar: what a layer with these files takes. */
  copyAndHash(path: string): Promise<number>
}

async function inParallel(
  count: number,
  work: (index: number) => Promise<unknown>,
  parallel: number = PARALLEL,
): Promise<number> {
  const startedMs = performance.now()
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1
      await work(next)
    }
  }
  await Promise.all(Array.from({ length: Math.min(parallel, count) }, worker))
  return performance.now() - startedMs
}

/** Only what differs from the runtime's own template: no terminal, an idle process. */
async function writeBundle(bundle: string, runtime: string, rootfs: string): Promise<void> {
  mkdirSync(bundle, { recursive: true })
  await run([runtime, 'spec'], { cwd: bundle })
  const { default: template } = (await import(join(bundle, 'config.json'), { with: { type: 'json' } })) as {
    default: { process: object; root: object }
  }
  const line = "trap 'exit 0' TERM INT; sleep 2147483647 & wait"
  const spec = {
    ...template,
    process: { ...template.process, terminal: false, args: ['sh', '-c', line] },
    root: { path: rootfs, readonly: true },
  }
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec))
}

/** The first runtime that runs a container here. */
export async function createFloor(folder: string, busyboxTar: string): Promise<Floor> {
  const rootfs = join(folder, 'rootfs')
  mkdirSync(rootfs, { recursive: true })
  await run(['tar', '-C', rootfs, '-xf', busyboxTar])
  for (const runtime of ['crun', 'runc']) {
    const state = join(folder, `${runtime}-state`)
    const bundle = join(folder, `${runtime}-bundle`)
    const name = (index: number): string => `floor-${process.pid}-${index}`
    const start = (index: number): Promise<unknown> =>
      run([runtime, '--root', state, 'run', '-d', '-b', bundle, name(index)])
    const floor: Floor = {
      runtime,
      up: (count) => inParallel(count, start),
      chain: (count) => inParallel(count, start, 1),
      async logs() {
        const file = join(folder, 'lines')
        if (!existsSync(file)) writeFileSync(file, `${LOG_LINE}\n`.repeat(LOG_LINES))
        return (await run(['cat', file])).durationMs
      },
      async ingestion() {
        const file = join(folder, 'ingested')
        const command = `yes ${LOG_LINE} | head -c ${INGESTED_BYTES} > '${file}'`
        const { durationMs } = await run(['sh', '-c', command])
        rmSync(file)
        return durationMs
      },
      down: (count) =>
        inParallel(count, async (index) => {
          await run([runtime, '--root', state, 'kill', name(index), 'KILL'])
          await run([runtime, '--root', state, 'delete', '-f', name(index)])
        }),
      async copyAndHash(path) {
        const copy = join(folder, 'copied')
        const script = 'cp -a "$1" "$2" && tar -cf - -C "$2" . | sha256sum'
        const { durationMs } = await run(['sh', '-c', script, 'sh', path, copy])
        rmSync(copy, { recursive: true })
        return durationMs
      },
      exec: async () => (await run([runtime, '--root', state, 'exec', name(1), 'true'])).durationMs,
    }
    try {
      await writeBundle(bundle, runtime, rootfs)
      await floor.up(1)
      await floor.down(1)
      return floor
    } catch {
      continue // this one does not run here: the next
    }
  }
  throw new Error('neither crun nor runc runs a container here')
}
