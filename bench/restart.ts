/** An engine that was killed with 50 running containers: from kill -9 to the answer of the next command, whose engine it starts. */
import { readFileSync } from 'node:fs'
import type { Contender } from './contenders.ts'
import { median, run } from './measure.ts'
import type { Row } from './table.ts'

const CONTAINERS = 50
const ROUNDS = 7

/** Those whose engine can be killed without its containers: their number must be the same after it. */
export async function measureRestart(contenders: readonly Contender[]): Promise<Row[]> {
  const answers: Record<string, number> = {}
  const recoveries: Record<string, number> = {}
  const file = `idle${CONTAINERS}.yaml`
  for (const contender of contenders) {
    const { name, env, engine } = contender
    if (engine === undefined) continue
    await run(contender.compose(file, ['up', '-d']), { env })
    const times: number[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      process.kill(Number.parseInt(readFileSync(engine.pidFile, 'utf8'), 10), 'SIGKILL')
      const startedMs = performance.now()
      const { stdout } = await run(contender.compose(file, ['ps', '-q']), { env, keepOutput: true })
      times.push(performance.now() - startedMs)
      const found = stdout.trim().split('\n').length
      if (found !== CONTAINERS) throw new Error(`${found} of ${CONTAINERS} containers run after a kill of the engine`)
    }
    answers[name] = median(times)
    recoveries[name] = median(startTimes(engine.log, ROUNDS))
    await run(contender.compose(file, ['down', '-t', '0']), { env })
  }
  return [
    { name: `first answer after kill -9, ${CONTAINERS} containers`, unit: 'ms', values: answers },
    { name: 'of it from "starting" to "ready"', unit: 'ms', values: recoveries },
  ]
}

/** Of the last starts, from the engine's log. */
function startTimes(log: string, count: number): number[] {
  const stamps = (word: string): number[] =>
    readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => new RegExp(`^\\S+ info +${word} `).test(line))
      .map((line) => Date.parse(line.slice(0, 23) + 'Z'))
      .slice(-count)
  const ready = stamps('ready')
  return stamps('starting').map((begunMs, index) => (ready[index] ?? Number.NaN) - begunMs)
}
