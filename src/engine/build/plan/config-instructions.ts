/**
 * Instructions that change the image's configuration and no file: what they do to it, and how its history tells them. PURE.
 * Source: Dockerfile reference; texts as BuildKit's frontend writes them.
 */
import type { HealthConfig } from '../../../api/types/container.ts'
import { parseSignal } from '../../containers/signals.ts'
import { InvalidRequestError } from '../../../errors.ts'
import { formatDurationNs } from '../../../units.ts'
import type {
  ArgInstruction,
  CommandForm,
  CommandInstruction,
  EnvInstruction,
  HealthcheckInstruction,
  LabelInstruction,
  OnbuildInstruction,
  ShellInstruction,
  StageInstruction,
  TextInstruction,
  WordsInstruction,
} from '../dockerfile/ast.ts'
import { exposedPorts } from './exposed-ports.ts'
import type { Expander } from './expander.ts'
import type { Arguments } from './global-args.ts'
import { plainList, quoteList } from './go-text.ts'
import { withConfig, withHistory, withVariable, type StageState } from './stage-state.ts'

export interface ConfigContext {
  readonly expander: Expander
  /** What an ARG without a value takes. */
  readonly globals: Arguments
  /** The request's. */
  readonly given: Readonly<Record<string, string>>
}

export type ConfigInstruction = Exclude<StageInstruction, { readonly kind: 'run' | 'copy' | 'add' | 'workdir' }>

const DEFAULT_SHELL = ['/bin/sh', '-c']

/** The program and its arguments; the shell form goes to the stage's shell. */
export function commandOf({ config }: StageState, command: CommandForm): readonly string[] {
  if (command.kind === 'exec') return command.argv
  const shell = config.Shell === undefined || config.Shell.length === 0 ? DEFAULT_SHELL : config.Shell
  return [...shell, command.text]
}

function without<K extends string, T extends object>(object: T, key: K): Omit<T, K> {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== key)) as Omit<T, K>
}

function withEnv(env: readonly string[], name: string, value: string): readonly string[] {
  const entry = `${name}=${value}`
  const index = env.findIndex((known) => known.startsWith(`${name}=`) || known === name)
  return index === -1 ? [...env, entry] : env.with(index, entry)
}

/** All values are what they mean before the line: `ENV A=1 B=$A` has the A from above. */
function applyEnv(state: StageState, { pairs }: EnvInstruction, { expander }: ConfigContext): StageState {
  const values = pairs.map(({ key, value }): [string, string] => [
    expander.word(key, state.variables),
    value === undefined ? '' : expander.word(value, state.variables),
  ])
  const told = `ENV ${values.map((pair) => pair.join('=')).join(' ')}`
  const changed = values.reduce(
    (before, [name, value]) =>
      withVariable(withConfig(before, { Env: withEnv(before.config.Env ?? [], name, value) }), name, value),
    state,
  )
  return withHistory(changed, told)
}

function applyLabel(state: StageState, { pairs }: LabelInstruction, { expander }: ConfigContext): StageState {
  const values = pairs.map(({ key, value }): [string, string] => [
    expander.word(key, state.variables),
    value === undefined ? '' : expander.word(value, state.variables),
  ])
  const told = `LABEL ${values.map((pair) => pair.join('=')).join(' ')}`
  return withHistory(withConfig(state, { Labels: { ...state.config.Labels, ...Object.fromEntries(values) } }), told)
}

/** The request's value, else the default, else the global argument's. A later one sees the earlier ones of its line. */
function applyArg(state: StageState, { pairs }: ArgInstruction, context: ConfigContext): StageState {
  const { expander, globals, given } = context
  const told: string[] = []
  let changed = state
  for (const { key, value } of pairs) {
    const name = expander.word(key, changed.variables)
    const fallback = value === undefined ? globals.get(name) : expander.word(value, changed.variables)
    const result = given[name] ?? fallback
    told.push(result === undefined ? name : `${name}=${result}`)
    if (result !== undefined) changed = withVariable(changed, name, result)
    changed = { ...changed, args: new Map([...changed.args, [name, result]]) }
  }
  return withHistory(changed, `ARG ${told.join(' ')}`)
}

function applyCommand(state: StageState, { kind, command }: CommandInstruction): StageState {
  const argv = commandOf(state, command)
  if (kind === 'cmd')
    return withHistory(
      { ...withConfig(state, { Cmd: argv, ArgsEscaped: true }), hasCmd: true },
      `CMD ${quoteList(argv)}`,
    )
  // `ENTRYPOINT []` takes it away: the image has none, rather than an empty one
  const changed =
    argv.length === 0
      ? { ...state, config: without(state.config, 'Entrypoint') }
      : withConfig(state, { Entrypoint: argv })
  // the default arguments of another entry point mean nothing to this one
  const config = state.hasCmd ? changed.config : without(changed.config, 'Cmd')
  return withHistory({ ...changed, config }, `ENTRYPOINT ${quoteList(argv)}`)
}

function applyHealthcheck(state: StageState, instruction: HealthcheckInstruction): StageState {
  const { command, intervalNs = 0, timeoutNs = 0, startPeriodNs = 0, startIntervalNs = 0, retries = 0 } = instruction
  const test =
    command === undefined ? ['NONE'] : command.kind === 'exec' ? ['CMD', ...command.argv] : ['CMD-SHELL', command.text]
  const values: HealthConfig = {
    ...(intervalNs === 0 ? {} : { Interval: intervalNs }),
    ...(timeoutNs === 0 ? {} : { Timeout: timeoutNs }),
    ...(startPeriodNs === 0 ? {} : { StartPeriod: startPeriodNs }),
    ...(startIntervalNs === 0 ? {} : { StartInterval: startIntervalNs }),
    ...(retries === 0 ? {} : { Retries: retries }),
  }
  const times = `Interval:${formatDurationNs(intervalNs)} Timeout:${formatDurationNs(timeoutNs)} StartPeriod:${formatDurationNs(startPeriodNs)} StartInterval:${formatDurationNs(startIntervalNs)}`
  const told = `HEALTHCHECK {Test:${plainList(test)} ${times} Retries:${retries}}`
  return withHistory(withConfig(state, { Healthcheck: { Test: test, ...values } }), told)
}

function applyWords(state: StageState, { kind, words }: WordsInstruction, { expander }: ConfigContext): StageState {
  if (kind === 'volume') {
    const paths = words.map((word) => {
      const path = expander.word(word, state.variables)
      if (path === '') throw expander.error(word.range, 'DOCKERFILE_INVALID_VALUE', 'VOLUME cannot be an empty path')
      return path
    })
    const added = Object.fromEntries(paths.map((path) => [path, {}]))
    return withHistory(
      withConfig(state, { Volumes: { ...state.config.Volumes, ...added } }),
      `VOLUME ${plainList(paths)}`,
    )
  }
  const ports = words.flatMap((word) =>
    expander.words(word, state.variables).flatMap((text) => {
      const found = exposedPorts(text)
      if (found === undefined)
        throw expander.error(
          word.range,
          'DOCKERFILE_INVALID_VALUE',
          `${JSON.stringify(text)} is no port`,
          'write PORT, PORT/udp or FIRST-LAST',
        )
      return found
    }),
  )
  const added = Object.fromEntries(ports.map((port) => [port, {}]))
  return withHistory(
    withConfig(state, { ExposedPorts: { ...state.config.ExposedPorts, ...added } }),
    `EXPOSE ${plainList(ports)}`,
  )
}

function applyStopSignal(state: StageState, { value }: TextInstruction, { expander }: ConfigContext): StageState {
  const signal = expander.word(value, state.variables)
  try {
    parseSignal(signal)
  } catch (error) {
    if (!(error instanceof InvalidRequestError)) throw error
    throw expander.error(value.range, 'DOCKERFILE_INVALID_VALUE', `${JSON.stringify(signal)} is no signal`)
  }
  return withHistory(withConfig(state, { StopSignal: signal }), `STOPSIGNAL ${signal}`)
}

function applyText(state: StageState, instruction: TextInstruction, context: ConfigContext): StageState {
  const { kind, value } = instruction
  switch (kind) {
    case 'user': {
      const user = context.expander.word(value, state.variables)
      return withHistory(withConfig(state, { User: user }), `USER ${user}`)
    }
    case 'stopsignal':
      return applyStopSignal(state, instruction, context)
    case 'maintainer':
      return withHistory({ ...state, author: value.text }, `MAINTAINER ${value.text}`)
    case 'workdir':
      throw new Error('WORKDIR makes a folder: it is no matter of the configuration alone')
    default:
      return kind satisfies never
  }
}

/** Kept as it is written, and told in no history. */
function applyOnbuild(state: StageState, { inner }: OnbuildInstruction): StageState {
  return withConfig(state, { OnBuild: [...(state.config.OnBuild ?? []), inner] })
}

function applyShell(state: StageState, { argv }: ShellInstruction): StageState {
  return withHistory(withConfig(state, { Shell: argv }), `SHELL ${plainList(argv)}`)
}

/** The stage after the instruction. Throws DockerfileError. */
export function applyConfigInstruction(
  state: StageState,
  instruction: ConfigInstruction | TextInstruction,
  context: ConfigContext,
): StageState {
  switch (instruction.kind) {
    case 'env':
      return applyEnv(state, instruction, context)
    case 'label':
      return applyLabel(state, instruction, context)
    case 'arg':
      return applyArg(state, instruction, context)
    case 'cmd':
    case 'entrypoint':
      return applyCommand(state, instruction)
    case 'healthcheck':
      return applyHealthcheck(state, instruction)
    case 'expose':
    case 'volume':
      return applyWords(state, instruction, context)
    case 'workdir':
    case 'user':
    case 'stopsignal':
    case 'maintainer':
      return applyText(state, instruction, context)
    case 'shell':
      return applyShell(state, instruction)
    case 'onbuild':
      return applyOnbuild(state, instruction)
    default:
      return instruction satisfies never
  }
}
