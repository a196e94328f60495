/**
 * Builds: ten steps, four stages side by side, 20,000 files, a gigabyte, one changed file; each cold (--no-cache) and from
 * the cache. The peer's builder is BuildKit. The floor of a cold build that copies is `cp -a` and one look at each byte.
 */
import { randomFillSync } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Contender } from './contenders.ts'
import { IDLE_IMAGE } from './fixtures.ts'
import type { Floor } from './floor.ts'
import { run } from './measure.ts'
import type { Scenario } from './scenarios.ts'

const MANY_FILES = 20_000
const BIG_FILES = 8
const BIG_FILE_BYTES = 2 ** 27
const STAGES = 4

/** Each step leaves a file; the source comes after half of them. */
const TEN_STEPS = [
  `FROM ${IDLE_IMAGE}`,
  ...Array.from({ length: 5 }, (_, index) => `RUN mkdir -p /out && echo ${index} > /out/${index}`),
  'COPY source.txt /src/',
  ...Array.from({ length: 4 }, (_, index) => `RUN cat /src/source.txt > /out/copy${index}`),
  '',
].join('\n')

const PARALLEL = [
  ...Array.from({ length: STAGES }, (_, index) => [
    `FROM ${IDLE_IMAGE} AS s${index}`,
    `RUN sleep 0.5 && mkdir /out && echo ${index} > /out/${index}`,
    `RUN sleep 0.5 && echo again > /out/again${index}`,
  ]).flat(),
  `FROM ${IDLE_IMAGE}`,
  ...Array.from({ length: STAGES }, (_, index) => `COPY --from=s${index} /out /out`),
  '',
].join('\n')

/** A gigabyte that does not compress. */
function writeNoise(folder: string): void {
  mkdirSync(folder)
  const noise = randomFillSync(Buffer.alloc(BIG_FILE_BYTES))
  for (let index = 0; index < BIG_FILES; index += 1) writeFileSync(join(folder, String(index)), noise)
}

const CONTEXTS: Readonly<Record<ContextName, (folder: string) => void>> = {
  ten(folder) {
    writeFileSync(join(folder, 'Dockerfile'), TEN_STEPS)
    writeFileSync(join(folder, 'source.txt'), 'first\n')
  },
  parallel: (folder) => writeFileSync(join(folder, 'Dockerfile'), PARALLEL),
  many(folder) {
    writeFileSync(join(folder, 'Dockerfile'), `FROM ${IDLE_IMAGE}\nCOPY src /src\nRUN ls /src | wc -l\n`)
    for (let index = 0; index < MANY_FILES; index += 1) {
      const below = join(folder, 'src', String(index % 100))
      mkdirSync(below, { recursive: true })
      writeFileSync(join(below, `${index}.txt`), `${'x'.repeat(index % 2000)}${index}\n`)
    }
  },
  big(folder) {
    // what a build of a small part of a large folder costs
    writeFileSync(join(folder, 'Dockerfile'), `FROM ${IDLE_IMAGE}\nCOPY Dockerfile /\nCOPY data/0 /data\n`)
    writeNoise(join(folder, 'data'))
  },
  whole(folder) {
    writeFileSync(join(folder, 'Dockerfile'), `FROM ${IDLE_IMAGE}\nCOPY data /data\n`)
    writeNoise(join(folder, 'data'))
  },
}

type ContextName = 'big' | 'many' | 'parallel' | 'ten' | 'whole'

/** What the context's Dockerfile copies. */
const COPIED: Partial<Readonly<Record<ContextName, string>>> = { big: 'data/0', many: 'src', whole: 'data' }

const fileOf = (name: ContextName): string => `build-${name}.yaml`

/** Once a contender: large contexts are made only for the scenarios that are measured. */
function writeContext({ fixturesFolder }: Contender, name: ContextName): void {
  const folder = join(fixturesFolder, `build-${name}`)
  if (existsSync(folder)) return
  mkdirSync(folder)
  CONTEXTS[name](folder)
  const service = { image: `bench/build-${name}`, build: `./build-${name}` }
  writeFileSync(join(fixturesFolder, fileOf(name)), `${JSON.stringify({ services: { app: service } })}\n`)
}

async function build(contender: Contender, name: ContextName): Promise<void> {
  await run(contender.compose(fileOf(name), ['build']), { env: contender.env })
}

function coldAndCached(name: ContextName, title: string, runs: number): Scenario[] {
  const copied = COPIED[name]
  return [
    {
      name: `build: ${title}, cold`,
      runs,
      setUp: (contender) => Promise.resolve(writeContext(contender, name)),
      command: (contender) => contender.compose(fileOf(name), ['build', '--no-cache']),
      ...(copied === undefined
        ? {}
        : {
            floor: (floor: Floor, { fixturesFolder }: Contender) =>
              floor.copyAndHash(join(fixturesFolder, `build-${name}`, copied)),
          }),
    },
    {
      name: `build: ${title}, cached`,
      runs: runs + 2,
      async setUp(contender) {
        writeContext(contender, name)
        await build(contender, name)
      },
      command: (contender) => contender.compose(fileOf(name), ['build']),
    },
  ]
}

export const BUILD_SCENARIOS: readonly Scenario[] = [
  ...coldAndCached('ten', '10 steps', 7),
  {
    name: 'build: 10 steps, one file changed',
    runs: 7,
    async setUp(contender) {
      writeContext(contender, 'ten')
      await build(contender, 'ten')
    },
    prepare({ fixturesFolder }) {
      writeFileSync(join(fixturesFolder, 'build-ten/source.txt'), `${process.hrtime.bigint()}\n`)
      return Promise.resolve()
    },
    command: (contender) => contender.compose(fileOf('ten'), ['build']),
  },
  ...coldAndCached('parallel', '4 stages side by side', 5),
  ...coldAndCached('many', '20,000 files', 3),
  ...coldAndCached('big', 'an eighth of 1 GB', 3),
  ...coldAndCached('whole', 'all of 1 GB', 3),
]
