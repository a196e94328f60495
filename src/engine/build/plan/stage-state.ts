/** What a stage has become after some of its instructions: the image's configuration so far, its variables, its history. */
import type { ContainerConfig, ImageConfig } from '../../../api/types/index.ts'
import type { OperationId, PlannedImage } from '../plan.ts'
import { IMAGE_FIELDS } from '../../images/image-config.ts'

/** The keys that images have; OnBuild and ArgsEscaped are docker's. */
export type BuiltConfig = Pick<
  ContainerConfig,
  | 'Cmd'
  | 'Entrypoint'
  | 'Env'
  | 'ExposedPorts'
  | 'Healthcheck'
  | 'Labels'
  | 'Shell'
  | 'StopSignal'
  | 'StopTimeout'
  | 'User'
  | 'Volumes'
  | 'WorkingDir'
> & { readonly OnBuild?: readonly string[]; readonly ArgsEscaped?: boolean }

export type HistoryStep = PlannedImage['history'][number]

export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
}

export interface StageState {
  readonly operation: OperationId
  readonly config: BuiltConfig
  readonly author: string | undefined
  readonly platform: Platform
  /** ENV and ARG: what `$x` means, and what RUN gets. */
  readonly variables: ReadonlyMap<string, string>
  /** ARGs that were declared so far, in their order; undefined: without a value. */
  readonly args: ReadonlyMap<string, string | undefined>
  readonly history: readonly HistoryStep[]
  /** This stage itself (not its base) has said CMD. */
  readonly hasCmd: boolean
}

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** By which tools tell that BuildKit's rules made the history. */
export const HISTORY_COMMENT = 'buildkit.dockerfile.v0'

const CONFIG_KEYS = ['ArgsEscaped', ...IMAGE_FIELDS] as const satisfies readonly (keyof BuiltConfig)[]

/** What of an image's configuration goes on in images that are built on it. */
export function inheritedConfig(config: ImageConfig['config']): BuiltConfig {
  const source: Readonly<Record<string, unknown>> = { ...config }
  return Object.fromEntries(
    CONFIG_KEYS.flatMap((key) => (source[key] === undefined || source[key] === null ? [] : [[key, source[key]]])),
  )
}

function splitVariable(entry: string): [string, string] {
  const equals = entry.indexOf('=')
  return equals < 0 ? [entry, ''] : [entry.slice(0, equals), entry.slice(equals + 1)]
}

/** PATH is always there: a shell without it finds nothing. */
function withPath(env: readonly string[]): readonly string[] {
  return env.some((entry) => entry.startsWith('PATH=')) ? env : [...env, `PATH=${DEFAULT_PATH}`]
}

/** One that says nothing of its layers, or something wrong, has a step without a command for each. */
export function historyOf({ history = [], rootfs }: Pick<ImageConfig, 'history' | 'rootfs'>): readonly HistoryStep[] {
  const told = history.filter(({ empty_layer: isEmpty }) => isEmpty !== true).length
  return told === rootfs.diff_ids.length ? history : rootfs.diff_ids.map(() => ({}))
}

export function stateOfBase(
  operation: OperationId,
  { config, author, history, rootfs }: Pick<ImageConfig, 'config' | 'author' | 'history' | 'rootfs'>,
  platform: Platform,
): StageState {
  const inherited = inheritedConfig(config)
  const env = withPath(inherited.Env ?? [])
  return {
    operation,
    config: { ...inherited, Env: env },
    author,
    platform,
    variables: new Map(env.map(splitVariable)),
    args: new Map(),
    history: historyOf({ rootfs, ...(history === undefined ? {} : { history }) }),
    hasCmd: false,
  }
}

/** Nothing below: FROM scratch. */
export function emptyState(operation: OperationId, platform: Platform): StageState {
  return stateOfBase(operation, { config: { WorkingDir: '/' }, rootfs: { type: 'layers', diff_ids: [] } }, platform)
}

/** A stage that is built on another one: its ONBUILDs were for this one, and do not go on. */
export function stateOfStage(base: StageState): StageState {
  const { OnBuild: _done, ...config } = base.config
  return { ...base, config, hasCmd: false }
}

/** An instruction that makes no layer. */
export function withHistory(state: StageState, createdBy: string): StageState {
  const step = { created_by: createdBy, comment: HISTORY_COMMENT, empty_layer: true }
  return { ...state, history: [...state.history, step] }
}

/** An instruction that may have made one. */
export function withOperation(state: StageState, operation: OperationId, createdBy: string): StageState {
  const step = { created_by: createdBy, comment: HISTORY_COMMENT, operation }
  return { ...state, operation, history: [...state.history, step] }
}

export function withConfig(state: StageState, change: BuiltConfig): StageState {
  return { ...state, config: { ...state.config, ...change } }
}

export function withVariable(state: StageState, name: string, value: string): StageState {
  return { ...state, variables: new Map([...state.variables, [name, value]]) }
}
