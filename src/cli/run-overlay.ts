/**
 * What the options of `run` say of the service, in Compose's own syntax: the loader checks and merges it like a file.
 * Source: docker compose run (which option overrides, which adds).
 */
import { posix } from 'node:path'
import { sourceFile } from '../compose/source-file.ts'
import { parseDotenv } from '../compose/dotenv.ts'
import { createProblems } from '../compose/problems.ts'
import type { ServiceOverlay } from '../compose/request.ts'
import { UsageError } from '../errors.ts'
import type { CliHost } from '../host/cli-host.ts'

export interface OverlayFlags {
  readonly capAdd?: readonly string[]
  readonly capDrop?: readonly string[]
  readonly entrypoint?: string
  readonly env?: readonly string[]
  readonly envFromFile?: readonly string[]
  readonly label?: readonly string[]
  readonly publish?: readonly string[]
  readonly servicePorts?: boolean
  readonly user?: string
  readonly volume?: readonly string[]
  readonly workdir?: string
}

interface Wishes extends OverlayFlags {
  readonly argv: readonly string[]
  readonly tty: boolean
  readonly stdin: boolean
}

interface Surroundings {
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly files: Pick<CliHost['files'], 'readFile'>
}

type Attribute = ServiceOverlay['attributes'][number]

export async function toOverlay(service: string, wishes: Wishes, surroundings: Surroundings): Promise<ServiceOverlay> {
  const { argv, entrypoint, user, workdir, capAdd, capDrop, label } = wishes
  const environment = [...(await fileVariables(wishes.envFromFile ?? [], surroundings)), ...(wishes.env ?? [])]
  const attributes: readonly (Attribute | undefined)[] = [
    { name: 'tty', value: wishes.tty },
    { name: 'stdin_open', value: wishes.stdin },
    portsOf(wishes),
    argv.length > 0 ? { name: 'command', value: argv, merge: 'override' } : commandWith(entrypoint),
    entrypoint === undefined
      ? undefined
      : { name: 'entrypoint', value: entrypoint === '' ? [] : entrypoint, merge: 'override' },
    given('user', user),
    given('working_dir', workdir),
    given('cap_add', capAdd),
    given('cap_drop', capDrop),
    given('labels', label),
    given('environment', environment.length === 0 ? undefined : lastOfEach(environment)),
    given(
      'volumes',
      wishes.volume?.map((one) => absoluteSource(one, surroundings.cwd)),
    ),
  ]
  return { service, attributes: attributes.filter((one) => one !== undefined) }
}

function given(name: string, value: unknown): Attribute | undefined {
  return value === undefined ? undefined : { name, value }
}

function portsOf({ publish, servicePorts }: OverlayFlags): Attribute | undefined {
  if (publish !== undefined) return { name: 'ports', value: publish, merge: 'override' }
  return servicePorts === true ? undefined : { name: 'ports', value: [], merge: 'reset' }
}

/** Another entrypoint makes no use of the command that was meant for the old one. */
function commandWith(entrypoint: string | undefined): Attribute | undefined {
  return entrypoint === undefined ? undefined : { name: 'command', value: null, merge: 'reset' }
}

/** The list form refuses a name that comes twice; on a command line the last one counts. */
function lastOfEach(pairs: readonly string[]): readonly string[] {
  return [...new Map(pairs.map((pair) => [pair.split('=')[0], pair])).values()]
}

/** "./x:/y" is meant from where the command is given, not from the project's folder. */
function absoluteSource(volume: string, cwd: string): string {
  return /^\.{1,2}(?:\/|:|$)/.test(volume) ? volume.replace(/^[^:]*/, (source) => posix.resolve(cwd, source)) : volume
}

async function fileVariables(paths: readonly string[], { env, cwd, files }: Surroundings): Promise<readonly string[]> {
  const problems = createProblems()
  const variables: Record<string, string> = {}
  for (const path of paths) {
    const absolute = posix.resolve(cwd, path)
    const text = await files.readFile(absolute, 'utf8').catch((cause: unknown) => {
      throw new UsageError(`cannot read the environment file "${absolute}"`, { cause })
    })
    Object.assign(
      variables,
      parseDotenv(sourceFile(absolute, text), (name) => env[name] ?? variables[name], problems),
    )
  }
  problems.throwIfAny()
  return Object.entries(variables).map(([name, value]) => `${name}=${value}`)
}
