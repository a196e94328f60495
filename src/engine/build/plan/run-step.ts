/**
 * RUN: the program and its arguments, heredocs, mounts, and what history says of it. PURE but for finding out what `from=` of
 * a mount names. Source: Dockerfile reference, RUN and "Here-Documents".
 */
import type { RunInstruction, Word } from '../dockerfile/ast.ts'
import type { RunMount, Work } from '../plan.ts'
import { entitlementsOf } from '../run/entitlements.ts'
import { commandOf } from './config-instructions.ts'
import { proxyVariables } from './global-args.ts'
import { loneHeredoc, summaryOfScript, toScript, type Script } from './heredoc-script.ts'
import { planDevice } from './run-devices.ts'
import { planMounts, type MountContext } from './run-mounts.ts'
import type { StageState } from './stage-state.ts'

type RunWork = Extract<Work, { readonly kind: 'run' }>

export type RunContext = MountContext

export interface PlannedRun {
  readonly work: RunWork
  /** "RUN |1 A=b /bin/sh -c make # buildkit" */
  readonly createdBy: string
  /** "RUN make", without the stage in front. */
  readonly name: string
}

/** `|2 A=b C=` of the ARGs that are in scope, as they are for the process. */
function toldArguments({ args, variables }: StageState): readonly string[] {
  if (args.size === 0) return []
  const told = [...args.keys()].map((name) => `${name}=${variables.get(name) ?? ''}`)
  return [`|${told.length}`, ...told]
}

const NETWORKS = ['default', 'none', 'host'] as const
type Network = (typeof NETWORKS)[number]

function isNetwork(name: string | undefined): name is Network {
  return NETWORKS.some((known) => known === name)
}

function networkOf(word: Word | undefined, state: StageState, { expander, request }: RunContext): Network {
  const wanted = word === undefined ? undefined : expander.word(word, state.variables)
  if (word === undefined) return isNetwork(request.network) ? request.network : 'default'
  if (!isNetwork(wanted))
    throw expander.error(
      word.range,
      'DOCKERFILE_INVALID_VALUE',
      `${JSON.stringify(wanted)} is no network of RUN`,
      'write --network=default, none or host',
    )
  if (wanted === 'host' && !entitlementsOf(request).includes('network.host'))
    throw expander.error(
      word.range,
      'DOCKERFILE_INVALID_VALUE',
      'RUN --network=host is not allowed',
      'allow it with "entitlements: [network.host]" or --allow network.host',
    )
  return wanted
}

function securityOf(word: Word | undefined, state: StageState, { expander, request }: RunContext): RunWork['security'] {
  const wanted = word === undefined ? 'sandbox' : expander.word(word, state.variables)
  if (word === undefined || wanted === 'sandbox') return 'sandbox'
  if (wanted !== 'insecure')
    throw expander.error(
      word.range,
      'DOCKERFILE_INVALID_VALUE',
      `${JSON.stringify(wanted)} is no security mode of RUN`,
      'write --security=sandbox or insecure',
    )
  if (entitlementsOf(request).includes('security.insecure')) return 'insecure'
  throw expander.error(
    word.range,
    'DOCKERFILE_INVALID_VALUE',
    'RUN --security=insecure is not allowed',
    'allow it with "entitlements: [security.insecure]" or --allow security.insecure',
  )
}

/** ENV and ARGs as the process gets them. */
function environmentOf({ variables }: StageState): readonly string[] {
  return [...variables].map(([name, value]) => `${name}=${value}`)
}

/** As it reads in the step's name; the values of secrets that become variables are not there yet, and nobody's business. */
function shownName(
  state: StageState,
  instruction: RunInstruction,
  mounts: readonly RunMount[],
  { expander }: RunContext,
): string {
  const secrets = mounts.flatMap((mount) => (mount.kind === 'secret' && mount.env !== undefined ? mount.env : []))
  const variables = new Map([...state.variables, ...secrets.map((name): [string, string] => [name, '****'])])
  const name = expander.name(instruction.text, variables, true)
  const lone =
    instruction.command.kind === 'shell' ? loneHeredoc(instruction.command.text, instruction.heredocs) : undefined
  return lone === undefined ? name : `${name} (${summaryOfScript(lone.content)})`
}

/** Throws DockerfileError. */
export async function planRun(
  state: StageState,
  instruction: RunInstruction,
  context: RunContext,
): Promise<PlannedRun> {
  const { command, heredocs } = instruction
  const { request } = context
  const script: Script | undefined = command.kind === 'shell' ? toScript(command.text, heredocs) : undefined
  const text = script === undefined ? '' : script.kind === 'text' ? script.text : script.path
  const argv = command.kind === 'exec' ? command.argv : commandOf(state, { ...command, text })
  const isProgram = script?.kind === 'program'
  const mounts = await planMounts(state, instruction, context)
  const devices = instruction.devices.map((word) => planDevice(word, state.variables, context.expander))
  return {
    name: shownName(state, instruction, mounts, context),
    createdBy: ['RUN', ...toldArguments(state), ...argv, '# buildkit'].join(' '),
    work: {
      kind: 'run',
      // a script of its own needs no shell to be found
      argv: isProgram ? [text] : argv,
      commandText: command.kind === 'exec' ? argv.join(' ') : text,
      env: environmentOf(state),
      hiddenEnv: proxyVariables(request.args ?? {}),
      workingDirectory: state.config.WorkingDir ?? '/',
      user: state.config.User ?? '',
      mounts,
      network: networkOf(instruction.network, state, context),
      security: securityOf(instruction.security, state, context),
      ...(devices.length === 0 ? {} : { devices }),
      script: isProgram ? script.content : undefined,
      shmSizeBytes: request.shmSizeBytes,
      ulimits: request.ulimits ?? [],
      extraHosts: request.extraHosts ?? [],
      hostname: request.args?.['BUILDKIT_SANDBOX_HOSTNAME'],
      epochSeconds: context.epochSeconds,
    },
  }
}
