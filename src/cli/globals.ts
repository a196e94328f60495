/**
 * The options before the command, and their defaults from the environment (COMPOSE_*, NO_COLOR, DOCKER_HOST,
 * MYCOMPOSE_ROOT). COMPOSE_FILE, _PROJECT_NAME, _PROFILES and _ENV_FILES are the loader's: they may stand in `.env`.
 */
import { Option, type Command } from 'commander'
import { UsageError } from '../errors.ts'
import { collect, integer } from './options.ts'

export const PROGRESS_KINDS = ['auto', 'tty', 'plain', 'json', 'quiet'] as const
export type ProgressKind = (typeof PROGRESS_KINDS)[number]
const ANSI_KINDS = ['auto', 'never', 'always'] as const
export type AnsiKind = (typeof ANSI_KINDS)[number]

export interface GlobalOptions {
  readonly files: readonly string[]
  readonly projectName?: string
  readonly projectDirectory?: string
  readonly envFiles: readonly string[]
  readonly profiles: readonly string[]
  readonly allResources: boolean
  readonly progress: ProgressKind
  readonly ansi: AnsiKind
  /** Infinity: no limit. */
  readonly parallel: number
  readonly dryRun: boolean
  /** "unix:///run/docker.sock": another engine. */
  readonly host?: string
  readonly root?: string
}

interface RawGlobals {
  readonly file?: readonly string[]
  readonly projectName?: string
  readonly projectDirectory?: string
  readonly envFile?: readonly string[]
  readonly profile?: readonly string[]
  readonly allResources?: boolean
  readonly progress?: string
  readonly ansi?: string
  readonly parallel?: number
  readonly dryRun?: boolean
  readonly host?: string
  readonly root?: string
}

export function defineGlobals(program: Command): void {
  program
    .option('-f, --file <path>', 'Compose file, "-" for standard input (may be repeated)', collect)
    .option('-p, --project-name <name>', 'project name')
    .option('--project-directory <dir>', 'what relative paths and `.env` refer to (default: folder of the first file)')
    .option('--env-file <path>', 'file with variables, instead of `.env` (may be repeated)', collect)
    .option('--profile <name>', 'turn on a profile, "*" for all (may be repeated)', collect)
    .option('--all-resources', 'keep networks and volumes that no service uses')
    .option('--parallel <n>', 'engine calls at the same time, -1 for no limit', integer)
    .addOption(
      new Option('--progress <kind>', 'how progress is shown on standard error').choices([...PROGRESS_KINDS, 'none']),
    )
    .addOption(new Option('--ansi <when>', 'colours and cursor control').choices([...ANSI_KINDS]))
    .option('--dry-run', 'show what would be done and do nothing')
    .option('--root <dir>', 'folder of the engine to use (default: $MYCOMPOSE_ROOT, else /var/lib/mycompose)')
    .option('-H, --host <url>', 'use another engine: unix:///path/to/socket (default: $DOCKER_HOST, if set)')
}

function oneOf<const T extends string>(value: string, allowed: readonly T[], name: string): T {
  const found = allowed.find((candidate) => candidate === value)
  if (found !== undefined) return found
  throw new UsageError(`invalid ${name} "${value}"`, { hint: `use one of ${allowed.join(', ')}` })
}

function parallelLimit(option: number | undefined, variable: string | undefined): number {
  const text = option === undefined ? variable : String(option)
  if (text === undefined || text === '') return Infinity
  if (!/^-?\d{1,6}$/.test(text)) throw new UsageError(`COMPOSE_PARALLEL_LIMIT must be a whole number, not "${text}"`)
  const limit = Number(text)
  if (limit === 0 || limit < -1) throw new UsageError(`cannot work with ${limit} calls at the same time`)
  return limit === -1 ? Infinity : limit
}

/** @throws UsageError */
export function resolveGlobals(raw: RawGlobals, env: Readonly<Record<string, string>>): GlobalOptions {
  const progress = raw.progress ?? (env['COMPOSE_PROGRESS'] || 'auto')
  const colour = env['NO_COLOR'] === undefined || env['NO_COLOR'] === '' ? 'auto' : 'never'
  return {
    files: raw.file ?? [],
    envFiles: raw.envFile ?? [],
    profiles: raw.profile ?? [],
    allResources: raw.allResources ?? false,
    progress: progress === 'none' ? 'quiet' : oneOf(progress, PROGRESS_KINDS, 'progress kind'),
    ansi: oneOf(raw.ansi ?? (env['COMPOSE_ANSI'] || colour), ANSI_KINDS, 'ansi mode'),
    parallel: parallelLimit(raw.parallel, env['COMPOSE_PARALLEL_LIMIT']),
    dryRun: raw.dryRun ?? false,
    // as docker compose has it: an empty one, say of a variable that is not set, is none
    ...(raw.projectName === undefined || raw.projectName === '' ? {} : { projectName: raw.projectName }),
    ...(raw.projectDirectory === undefined ? {} : { projectDirectory: raw.projectDirectory }),
    ...(raw.host === undefined ? {} : { host: raw.host }),
    ...(raw.root === undefined ? {} : { root: raw.root }),
  }
}
