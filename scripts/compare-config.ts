/**
 * Differential test of src/compose: `config --format json` of docker compose beside ours, for every fixture. Prints the
 * differences that the table in src/compose/README.md does not explain (compare-differences.ts); exits 1 when there are any.
 * Arguments: folders or files of further Compose files. The binary: $DOCKER_COMPOSE, or where packages put it.
 */
import { spawn } from 'node:child_process'
import { existsSync, globSync, statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { loadProject, type SourceReader } from '../src/compose/load.ts'
import { printProject } from '../src/compose/print.ts'
import { ConfigErrors, MycomposeError } from '../src/errors.ts'
import { explainDifference, explainVerdict } from './compare-differences.ts'

const REPOSITORY = join(import.meta.dirname, '..')

/** A Compose file (with what lies beside it) that both read. */
export interface Fixture {
  readonly name: string
  readonly files: readonly string[]
}

export interface Difference {
  readonly path: string
  readonly docker: unknown
  readonly ours: unknown
}

export type Outcome =
  | { readonly kind: 'same' | 'bothRefuse' }
  | { readonly kind: 'differs'; readonly differences: readonly Difference[] }
  | { readonly kind: 'onlyDockerRefuses' | 'onlyWeRefuse'; readonly reason: string }

type Verdict = { readonly json: unknown } | { readonly refused: string }

/** The plugin's program works without the docker command and without a daemon. */
export function findDockerCompose(): string | undefined {
  const candidates = [
    process.env['DOCKER_COMPOSE'],
    '/usr/libexec/docker/cli-plugins/docker-compose',
    '/usr/lib/docker/cli-plugins/docker-compose',
    '/usr/local/lib/docker/cli-plugins/docker-compose',
    '/usr/bin/docker-compose',
  ]
  return candidates.find((path) => path !== undefined && path !== '' && existsSync(path))
}

const MOST_MEMORY_KIB = 3 * 2 ** 20

/** The variables that both see. */
const VARIABLES: Readonly<Record<string, string>> = { HOME: '/home/me', PATH: '/usr/bin:/bin', FROM_SHELL: 'shell' }

export async function compareFixture(binary: string, fixture: Fixture): Promise<Outcome> {
  const [docker, ours] = await Promise.all([dockerVerdict(binary, fixture), ourVerdict(fixture)])
  if ('refused' in docker) {
    return 'refused' in ours ? { kind: 'bothRefuse' } : { kind: 'onlyDockerRefuses', reason: docker.refused }
  }
  if ('refused' in ours) return { kind: 'onlyWeRefuse', reason: ours.refused }
  const differences = diff(docker.json, ours.json)
  return differences.length === 0 ? { kind: 'same' } : { kind: 'differs', differences }
}

async function dockerVerdict(binary: string, { files }: Fixture): Promise<Verdict> {
  const argv = [...files.flatMap((file) => ['-f', file]), 'config', '--format', 'json']
  // an alias bomb costs it all memory of the machine
  const limited = ['-c', `ulimit -v ${MOST_MEMORY_KIB}; exec "$0" "$@"`, binary, ...argv]
  const child = spawn('/bin/sh', limited, {
    env: VARIABLES,
    cwd: dirname(files[0] ?? '.'),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 10_000,
    killSignal: 'SIGKILL',
  })
  const [stdout, stderr, code] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    }),
  ])
  return code === 0 ? { json: JSON.parse(stdout) } : { refused: stderr.trim() }
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

const reader: SourceReader = {
  readText: async (path) => {
    try {
      return await readFile(path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  },
  readStdin: () => Promise.resolve(''),
  exists: (path) => Promise.resolve(existsSync(path)),
  kind: async (path) => {
    const found = await stat(path).catch(() => undefined)
    return found === undefined ? undefined : found.isDirectory() ? 'directory' : 'file'
  },
}

async function ourVerdict({ files }: Fixture): Promise<Verdict> {
  try {
    const { project } = await loadProject(
      {
        files,
        profiles: [],
        environment: VARIABLES,
        workingDir: dirname(files[0] ?? '/'),
        skip: { services: true, unsupported: true },
      },
      reader,
    )
    return { json: JSON.parse(printProject(project, 'json')) }
  } catch (error) {
    if (error instanceof ConfigErrors) return { refused: error.problems.map(({ message }) => message).join('; ') }
    if (error instanceof MycomposeError) return { refused: error.message }
    throw error
  }
}

function diff(docker: unknown, ours: unknown, path = ''): Difference[] {
  if (Object.is(docker, ours)) return []
  if (isPlainObject(docker) && isPlainObject(ours)) {
    const keys = [...new Set([...Object.keys(docker), ...Object.keys(ours)])].toSorted()
    return keys.flatMap((key) => diff(docker[key], ours[key], path === '' ? key : `${path}.${key}`))
  }
  if (Array.isArray(docker) && Array.isArray(ours)) {
    const length = Math.max(docker.length, ours.length)
    return Array.from({ length }, (_, index) => diff(docker[index], ours[index], `${path}[${index}]`)).flat()
  }
  return [{ path, docker, ours }]
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Every Compose file of the tests and examples, and of the folders that were named. */
export function findFixtures(extra: readonly string[] = []): Fixture[] {
  const named = extra.flatMap((path) => (statSync(path).isDirectory() ? globSync(`${path}/**/*.y{a,}ml`) : [path]))
  const projects = globSync(`${REPOSITORY}/{test/fixtures/projects/*,test/fixtures/config,examples/*}/compose.yaml`)
  const broken = globSync(`${REPOSITORY}/test/fixtures/broken/*.yaml`)
  return [
    ...projects.toSorted().map((file) => ({ name: basename(dirname(file)), files: withOverride(file) })),
    ...broken.toSorted().map((file) => ({ name: `broken/${basename(file)}`, files: [file] })),
    ...named.toSorted().map((file) => ({ name: file, files: [resolve(file)] })),
  ]
}

function withOverride(file: string): string[] {
  const override = join(dirname(file), 'compose.override.yaml')
  return existsSync(override) ? [file, override] : [file]
}

/** The lines that tell of one outcome; none when there is nothing unexplained. */
export function describeOutcome({ name }: Fixture, outcome: Outcome): string[] {
  switch (outcome.kind) {
    case 'same':
    case 'bothRefuse':
      return []
    case 'onlyDockerRefuses':
    case 'onlyWeRefuse':
      if (explainVerdict(outcome.kind, outcome.reason) !== undefined) return []
      return [`${name}: ${outcome.kind}: ${outcome.reason.split('\n').at(-1) ?? ''}`]
    case 'differs':
      return outcome.differences
        .filter((difference) => explainDifference(difference) === undefined)
        .map(
          ({ path, docker, ours }) =>
            `${name}: ${path}: docker ${JSON.stringify(docker)}, ours ${JSON.stringify(ours)}`,
        )
    default:
      return outcome satisfies never
  }
}

async function main(): Promise<void> {
  const binary = findDockerCompose()
  if (binary === undefined) {
    console.log('no docker compose binary here: set DOCKER_COMPOSE to its path')
    process.exitCode = 2
    return
  }
  const fixtures = findFixtures(process.argv.slice(2))
  const counts: Record<string, number> = {}
  let unexplained = 0
  for (const fixture of fixtures) {
    const outcome = await compareFixture(binary, fixture)
    counts[outcome.kind] = (counts[outcome.kind] ?? 0) + 1
    const lines = describeOutcome(fixture, outcome)
    unexplained += lines.length
    for (const line of lines) console.log(line)
  }
  console.log(`${fixtures.length} fixtures: ${JSON.stringify(counts)}, ${unexplained} unexplained differences`)
  process.exitCode = unexplained === 0 ? 0 : 1
}

if (import.meta.main) await main()
