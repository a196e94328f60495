/** An engine that was killed with 50 running containers: from kill -9 to the answer of the next command, whose engine it starts. */
import { readFileSync } from 'node:fs'
import type { Contender } from './contenders.ts'
import { median, run } from './measure.ts'
import type { Row } from './table.ts'

const CONTAINERS = 50
const ROUNDS = 7

interface Times {
  readonly answerMs: number
  readonly recoveryMs: number
}

/** Kills the engine again and again; as many containers must run after it as before. */
async function measureKills(contender: Contender, file: string, containers: number): Promise<Times> {
  const { env, engine } = contender
  if (engine === undefined) throw new Error('no engine to kill')
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    process.kill(Number.parseInt(readFileSync(engine.pidFile, 'utf8'), 10), 'SIGKILL')
    const startedMs = performance.now()
    const { stdout } = await run(contender.compose(file, ['ps', '-q']), { env, keepOutput: true })
    times.push(performance.now() - startedMs)
    const found = stdout.trim().split('\n').filter(Boolean).length
    if (found !== containers) throw new Error(`${found} of ${containers} containers run after a kill of the engine`)
  }
  return { answerMs: median(times), recoveryMs: median(startTimes(engine.log, ROUNDS)) }
}

/** Those whose engine can be killed without its containers. The floor is the same engine with none to look after. */
export async function measureRestart(contenders: readonly Contender[], floorName: string): Promise<Row[]> {
  const answers: Record<string, number> = {}
  const recoveries: Record<string, number> = {}
  const file = `idle${CONTAINERS}.yaml`
  const record = ({ answerMs, recoveryMs }: Times, column: string): void => {
    answers[column] = answerMs
    recoveries[column] = recoveryMs
  }
  for (const contender of contenders) {
    const { name, env, engine } = contender
    if (engine === undefined) continue
    record(await measureKills(contender, file, 0), floorName)
    await run(contender.compose(file, ['up', '-d']), { env })
    record(await measureKills(contender, file, CONTAINERS), name)
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
