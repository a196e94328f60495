/** `run`: options, and what they say of the service; the work is project/run.ts. Source: docker compose run. */
import { Option, type Command } from 'commander'
import { DEFAULT_DETACH_KEYS } from '../../api/detach-keys.ts'
import type { Project } from '../../compose/model.ts'
import { runPostStart, runPostStartBeside } from '../../project/hooks.ts'
import type { OneOff } from '../../project/one-off.ts'
import { planRun, prepareRun, type RunOptions } from '../../project/run.ts'
import { UsageError } from '../../errors.ts'
import { silentSink } from '../../events.ts'
import { checkTerminal, followContainer, terminalSize } from '../attached-container.ts'
import { addExamples } from '../help.ts'
import { acceptBooleanValues, collect, noOption, present } from '../options.ts'
import type { Invoke } from '../program.ts'
import type { Session } from '../session.ts'
import { toOverlay, type OverlayFlags } from '../run-overlay.ts'
import { buildWish, toUpOptions } from './up.ts'

interface RunFlags extends OverlayFlags {
  readonly build?: boolean
  readonly deps: boolean
  readonly detach?: boolean
  readonly interactive?: boolean
  readonly noInteractive?: boolean
  readonly noTty?: boolean
  readonly name?: string
  readonly pull?: 'always' | 'build' | 'missing' | 'never'
  readonly quietBuild?: boolean
  readonly quiet?: boolean
  readonly quietPull?: boolean
  readonly removeOrphans?: boolean
  readonly rm?: boolean
  readonly tty?: boolean
  readonly useAliases?: boolean
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description(
      'Runs a command in a new container of a service, after its dependencies have been started, and ends with its exit\n' +
        'code. Ports are published only with -P or -p; the restart policy does not count.',
    )
    .argument('<SERVICE>', 'the service')
    .argument('[COMMAND...]', 'the command and its arguments, as they are (default: that of the service)')
    .passThroughOptions()
    .option('--build', 'build the image first, also if it is there')
    .option('--cap-add <capability>', 'give a capability (may be repeated)', collect)
    .option('--cap-drop <capability>', 'take a capability away (may be repeated)', collect)
    .option('-d, --detach', 'leave it running in the background and print the id of the container')
    .option('--entrypoint <command>', 'instead of the entrypoint of the image')
    .option('-e, --env <K=V>', 'set a variable; K alone passes on ours (may be repeated)', collect)
    .option('--env-from-file <path>', 'variables from a file (may be repeated)', collect)
    .option('-i, --interactive', 'pass our input on (default)')
    .addOption(noOption('--no-interactive', 'leave our input alone'))
    .option('-l, --label <K=V>', 'add a label (may be repeated)', collect)
    .option('--name <name>', 'the name of the container')
    .option('--no-deps', 'do not start what the service depends on')
    .option('-t, --tty', 'a terminal (default: when input and output are terminals)')
    .addOption(noOption('-T, --no-tty', 'no terminal'))
    .option('-p, --publish <port>', 'publish a port, as [HOST:]CONTAINER (may be repeated)', collect)
    .addOption(new Option('--pull <policy>', 'when to pull the image').choices(['always', 'missing', 'never', 'build']))
    .option('-q, --quiet', 'no progress')
    .option('--quiet-build', 'no progress of the build')
    .option('--quiet-pull', 'no progress of the layers that are pulled')
    .option('--remove-orphans', 'remove containers of services that the file no longer has')
    .option('--rm', 'remove the container when it has ended')
    .option('-P, --service-ports', 'publish the ports of the service')
    .option('--use-aliases', 'let it answer to the names of the service')
    .option('-u, --user <user>', 'user or user:group, names or numbers')
    .option('-v, --volume <volume>', 'mount a volume or a folder, as SOURCE:TARGET[:ro] (may be repeated)', collect)
    .option('-w, --workdir <dir>', 'working directory in the container')
    .action((service: string, argv: readonly string[], flags: RunFlags) =>
      invoke((session) => run(session, service, argv, flags)),
    )
  acceptBooleanValues(command)
  addExamples(command, [
    ['run --rm web sh', 'a shell in a new container'],
    ['run --rm -T db pg_dump -h db -U postgres app > dump.sql', 'output to a file'],
    ['run --rm -T db psql -h db -U postgres < schema.sql', 'input from a file'],
    ['run --rm -e DEBUG=1 -v ./data:/data -u 1000 web node job.js', 'a job, with a folder of ours'],
    ['run -d --name job -p 8080:80 web', 'in the background, with a port'],
  ])
}

async function run(session: Session, service: string, argv: readonly string[], flags: RunFlags): Promise<number> {
  const { io } = session
  if (flags.publish !== undefined && flags.servicePorts === true)
    throw new UsageError('--service-ports and --publish are incompatible', { hint: 'leave one of them out' })
  if (flags.tty === true && flags.noTty === true)
    throw new UsageError("--tty and --no-TTY can't be used together", { hint: 'leave one of them out' })
  const tty = wantsTerminal(session, flags)
  const stdin = flags.noInteractive !== true
  const overlay = await toOverlay(
    service,
    { ...flags, argv, tty, stdin },
    { env: io.env, cwd: io.cwd, files: io.host.files },
  )
  const project = await session.project({ services: [service], withoutDependencies: !flags.deps, overlay })
  if (flags.detach !== true && !session.globals.dryRun) checkTerminal(session, { tty, stdin })
  const oneOff = toOneOff(session, service, flags, { tty, stdin })
  const options = toRunOptions(project, flags, session.globals.dryRun)
  if (session.globals.dryRun) {
    await session.print(await session.use((context) => planRun(context, project, oneOff, options)))
    return 0
  }
  const { id } = await session.use((context) =>
    prepareRun(flags.quiet === true ? { ...context, sink: silentSink } : context, project, oneOff, options),
  )
  return flags.detach === true
    ? await startDetached(session, project, { id, service })
    : await startAttached(session, project, { id, tty, stdin, oneOff })
}

/** As docker compose decides it: output to a pipe, or (unless told) input from one, means no terminal. */
function wantsTerminal({ io }: Session, { tty, noTty, interactive, noInteractive }: RunFlags): boolean {
  if (tty !== undefined || noTty !== undefined) return tty === true
  const isInputUntold = interactive === undefined && noInteractive === undefined
  if (isInputUntold && io.stdin.isTTY !== true) return false
  return io.stdout.isTTY === true
}

function toOneOff(
  session: Session,
  service: string,
  flags: RunFlags,
  { tty, stdin }: { readonly tty: boolean; readonly stdin: boolean },
): OneOff {
  const hasSize = tty && session.io.stdout.isTTY === true
  return {
    service,
    slug: session.io.host.randomHex(32),
    autoRemove: flags.rm === true,
    attachStdin: stdin,
    useAliases: flags.useAliases === true,
    ...present({ name: flags.name, consoleSize: hasSize ? terminalSize(session) : undefined }),
  }
}

function toRunOptions(project: Project, flags: RunFlags, dryRun: boolean): RunOptions {
  const { ignoreOrphans, removeOrphans } = toUpOptions(
    [],
    present({ removeOrphans: flags.removeOrphans }),
    project,
    dryRun,
  )
  return {
    noDeps: !flags.deps,
    ...present({ ignoreOrphans, removeOrphans, pull: flags.pull, quietPull: flags.quietPull }),
    ...present({ quietBuild: flags.quietBuild, build: buildWish(flags) }),
  }
}

async function startDetached(
  session: Session,
  project: Project,
  target: { readonly id: string; readonly service: string },
): Promise<number> {
  const { containers } = await session.client()
  await containers.start(target.id)
  await session.use((context) => runPostStart(context, project, target))
  await session.print(`${target.id}\n`)
  return 0
}

interface Attached {
  readonly id: string
  readonly tty: boolean
  readonly stdin: boolean
  readonly oneOff: OneOff
}

async function startAttached(
  session: Session,
  project: Project,
  { id, tty, stdin, oneOff }: Attached,
): Promise<number> {
  const { containers } = await session.client()
  const { exit } = await containers.watchExit(id, oneOff.autoRemove ? 'removed' : 'next-exit')
  const stream = await containers.attach(id, { tty, stdin })
  try {
    await containers.start(id)
  } catch (error) {
    stream.close()
    throw error
  }
  const hooks = await startHooks(session, project, { id, service: oneOff.service })
  const detachKeys = DEFAULT_DETACH_KEYS
  const hasTerminal = tty && session.io.stdout.isTTY === true
  const options = { id, tty: hasTerminal, stdin, detachKeys, forwardSignals: true }
  const outcome = await followContainer(session, stream, exit, options)
  const code = outcome === 'detached' ? 0 : outcome
  const failure = hooks.failure()
  if (code === 0 && failure !== undefined) throw failure
  return code
}

/** The post_start hooks run beside the command; what fails of them is told after it, as it has the terminal. */
async function startHooks(
  session: Session,
  project: Project,
  target: { readonly id: string; readonly service: string },
): Promise<{ failure(): Error | undefined }> {
  const context = await session.context()
  let failure: Error | undefined
  runPostStartBeside(context, project, target).catch((error: unknown) => {
    failure = error instanceof Error ? error : new Error(String(error))
  })
  return { failure: () => failure }
}
