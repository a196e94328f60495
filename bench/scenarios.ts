/** What is measured: for each scenario how to prepare, the one timed command, how to clean up, and its floor. */
import { join } from 'node:path'
import type { Contender } from './contenders.ts'
import { ANCHORED, SIZES } from './fixtures.ts'
import type { Floor } from './floor.ts'
import { IMAGES, LAYERS_EACH, MANY_NAMES, writeManyImages } from './many-images.ts'
import { run } from './measure.ts'

export interface Scenario {
  readonly name: string
  readonly runs: number
  readonly needsExamples?: boolean
  /** Once before all runs of a contender. */
  setUp?(contender: Contender): Promise<void>
  /** Before each run, untimed. */
  prepare?(contender: Contender): Promise<void>
  command(contender: Contender): readonly string[]
  /** After each run, untimed. */
  cleanUp?(contender: Contender): Promise<void>
  tearDown?(contender: Contender): Promise<void>
  /** One run of the same without any of our parts, in milliseconds. */
  floor?(floor: Floor, own: Contender): Promise<number>
}

async function compose(contender: Contender, file: string, ...args: readonly string[]): Promise<void> {
  await run(contender.compose(file, args), { env: contender.env })
}

async function nodeStart(): Promise<number> {
  return (await run([process.execPath, '-e', '0'])).durationMs
}

async function postgresFloor({ postgres }: Floor, data: 'new' | 'old'): Promise<number> {
  if (postgres === undefined) throw new Error('the images of the examples are not there')
  return await postgres.up(data)
}

/** Two commands as one. */
function inSequence(argv: readonly string[], first: readonly string[], second: readonly string[]): readonly string[] {
  const words = (args: readonly string[]): string => args.map((word) => `'${word}'`).join(' ')
  return ['sh', '-c', `"$@" ${words(first)} && "$@" ${words(second)}`, 'sh', ...argv]
}

function upAndDown(size: number): Scenario[] {
  const file = `idle${size}.yaml`
  const runs = size >= 50 ? 5 : 9
  return [
    {
      name: `up -d of ${size}`,
      runs,
      command: (contender) => contender.compose(file, ['up', '-d']),
      cleanUp: (contender) => compose(contender, file, 'down', '-t', '0'),
      async floor(floor) {
        const upMs = await floor.up(size)
        await floor.down(size)
        return upMs
      },
    },
    {
      name: `down of ${size}`,
      runs,
      prepare: (contender) => compose(contender, file, 'up', '-d'),
      command: (contender) => contender.compose(file, ['down']),
      async floor(floor) {
        await floor.up(size)
        return await floor.down(size)
      },
    },
  ]
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: `image ls of ${IMAGES} images, ${IMAGES * LAYERS_EACH} layers`,
    runs: 11,
    async setUp(contender) {
      const { fixturesFolder, fixturesInside, env } = contender
      writeManyImages(join(fixturesFolder, 'many.tar'))
      const load = contender.image(['load', '-q', '-i', join(fixturesInside, 'many.tar')])
      await run(load, { env, timeoutMs: 600_000 })
    },
    command: (contender) => contender.image(['ls']),
    async tearDown(contender) {
      await run(contender.image(['rm', '-f', ...MANY_NAMES]), { env: contender.env, timeoutMs: 600_000 })
    },
    floor: nodeStart,
  },
  { name: 'version', runs: 15, command: (contender) => contender.version, floor: nodeStart },
  {
    name: 'config of 1',
    runs: 15,
    command: (contender) => contender.compose('idle1.yaml', ['config']),
    floor: nodeStart,
  },
  {
    name: 'config of 100',
    runs: 11,
    command: (contender) => contender.compose('config100.yaml', ['config']),
    floor: nodeStart,
  },
  ...ANCHORED.map((count): Scenario => {
    const files = ['anchors', 'dev', 'ports', 'limits'].map((name) => `${name}${count}.yaml`)
    return {
      name: `config of ${count} with anchors and three overrides`,
      runs: count > 100 ? 5 : 15,
      command: (contender) => contender.compose(files, ['config']),
      floor: nodeStart,
    }
  }),
  ...SIZES.flatMap(upAndDown),
  {
    name: 'up -d of a chain of 10',
    runs: 7,
    command: (contender) => contender.compose('chain10.yaml', ['up', '-d']),
    cleanUp: (contender) => compose(contender, 'chain10.yaml', 'down', '-t', '0'),
    async floor(floor) {
      const chainMs = await floor.chain(10)
      await floor.down(10)
      return chainMs
    },
  },
  {
    name: 'up -d of 10, nothing changed',
    runs: 11,
    setUp: (contender) => compose(contender, 'idle10.yaml', 'up', '-d'),
    command: (contender) => contender.compose('idle10.yaml', ['up', '-d']),
    tearDown: (contender) => compose(contender, 'idle10.yaml', 'down', '-t', '0'),
    floor: nodeStart,
  },
  {
    name: 'exec true',
    runs: 11,
    setUp: (contender) => compose(contender, 'idle1.yaml', 'up', '-d'),
    command: (contender) => contender.compose('idle1.yaml', ['exec', '-T', 's1', 'true']),
    tearDown: (contender) => compose(contender, 'idle1.yaml', 'down', '-t', '0'),
    async floor(floor) {
      await floor.up(1)
      const durationMs = await floor.exec()
      await floor.down(1)
      return durationMs
    },
  },
  {
    name: 'logs of 1,000,000 lines',
    runs: 5,
    async setUp(contender) {
      await compose(contender, 'logs.yaml', 'up', '-d')
      await untilEnded(contender)
    },
    command: (contender) => contender.compose('logs.yaml', ['logs', 'writer']),
    tearDown: (contender) => compose(contender, 'logs.yaml', 'down', '-t', '0'),
    floor: (floor) => floor.logs(),
  },
  {
    name: 'log ingestion of 1 GB',
    runs: 3,
    // from `up` until the container has ended: by then all is written
    command: (contender) => inSequence(contender.compose('ingest.yaml', []), ['up', '-d'], ['wait', 'writer']),
    cleanUp: (contender) => compose(contender, 'ingest.yaml', 'down', '-t', '0'),
    floor: (floor) => floor.ingestion(),
  },
  {
    name: 'logs -n 10 of 1 GB',
    runs: 7,
    async setUp(contender) {
      const argv = inSequence(contender.compose('ingest.yaml', []), ['up', '-d'], ['wait', 'writer'])
      await run(argv, { env: contender.env })
    },
    command: (contender) => contender.compose('ingest.yaml', ['logs', '-n', '10', 'writer']),
    tearDown: (contender) => compose(contender, 'ingest.yaml', 'down', '-t', '0'),
    floor: nodeStart,
  },
  {
    name: 'web + PostgreSQL to healthy, new data',
    runs: 5,
    needsExamples: true,
    command: (contender) => contender.compose('postgres.yaml', ['up', '-d', '--wait']),
    cleanUp: (contender) => compose(contender, 'postgres.yaml', 'down', '-v', '-t', '0'),
    floor: (floor) => postgresFloor(floor, 'new'),
  },
  {
    name: 'web + PostgreSQL to healthy, old data',
    runs: 5,
    needsExamples: true,
    setUp: async (contender) => {
      await compose(contender, 'postgres.yaml', 'up', '-d', '--wait')
      await compose(contender, 'postgres.yaml', 'down')
    },
    command: (contender) => contender.compose('postgres.yaml', ['up', '-d', '--wait']),
    cleanUp: (contender) => compose(contender, 'postgres.yaml', 'down'),
    tearDown: (contender) => compose(contender, 'postgres.yaml', 'down', '-v'),
    floor: (floor) => postgresFloor(floor, 'old'),
  },
]

/** Until the writer of logs.yaml has ended. */
async function untilEnded(contender: Contender): Promise<void> {
  for (let round = 0; round < 600; round += 1) {
    const { stdout } = await run(contender.compose('logs.yaml', ['ps', '-q', '--status', 'running']), {
      env: contender.env,
      keepOutput: true,
    })
    if (stdout.trim() === '') return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('the writer of a million lines did not end within a minute')
}
