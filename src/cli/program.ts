/**
 * The commander program: global options and the list of commands. A command's module, with its options and help, is
 * imported when the command is called, so that a start pays for one command only.
 */
import { Command } from 'commander'
import { UnsupportedError } from '../errors.ts'
import { VERSION } from '../version.ts'
import { defineGlobals } from './globals.ts'
import type { CliIo } from './io.ts'
import type { Session } from './session.ts'

/** Options given before the command. */
export type RawGlobals = Parameters<typeof import('./globals.ts').resolveGlobals>[0]

export interface CliContext {
  readonly io: CliIo
  /** Makes the session, runs the command in it; the exit code is 0 unless it returns another. */
  run(globals: RawGlobals, work: (session: Session) => Promise<number | undefined>): Promise<void>
}

/** What a command's module gets to run in a session. */
export type Invoke = (work: (session: Session) => Promise<number | void>) => Promise<void>

export interface CommandModule {
  /** Adds arguments, options, examples and the action. */
  define(command: Command, invoke: Invoke): void
}

interface CommandEntry {
  readonly name: string
  readonly summary: string
  readonly load: () => Promise<CommandModule>
  /** Whether --dry-run may also follow the command: for what changes something. */
  readonly acts?: true
}

const PROJECT_COMMANDS: readonly CommandEntry[] = [
  { name: 'up', summary: 'Create and start the services', load: () => import('./commands/up.ts'), acts: true },
  { name: 'down', summary: 'Stop and remove a project', load: () => import('./commands/down.ts'), acts: true },
  { name: 'ps', summary: 'List containers', load: () => import('./commands/ps.ts') },
  { name: 'logs', summary: 'Show the output of services', load: () => import('./commands/logs.ts') },
  { name: 'exec', summary: 'Run a command in a running container', load: () => import('./commands/exec.ts') },
  { name: 'run', summary: 'Run a command in a new container', load: () => import('./commands/run.ts'), acts: true },
  { name: 'attach', summary: 'Join the streams of a container', load: () => import('./commands/attach.ts') },
  { name: 'start', summary: 'Start existing containers', load: () => import('./commands/start.ts'), acts: true },
  { name: 'stop', summary: 'Stop containers', load: () => import('./commands/stop.ts'), acts: true },
  { name: 'restart', summary: 'Restart containers', load: () => import('./commands/restart.ts'), acts: true },
  { name: 'kill', summary: 'Send a signal to containers', load: () => import('./commands/kill.ts'), acts: true },
  { name: 'rm', summary: 'Remove stopped containers', load: () => import('./commands/rm.ts'), acts: true },
  {
    name: 'create',
    summary: 'Create containers without starting',
    load: () => import('./commands/create.ts'),
    acts: true,
  },
  { name: 'scale', summary: 'Set how many containers run', load: () => import('./commands/scale.ts'), acts: true },
  { name: 'pause', summary: 'Pause services', load: () => import('./commands/pause.ts'), acts: true },
  { name: 'unpause', summary: 'Let paused services go on', load: () => import('./commands/unpause.ts'), acts: true },
  { name: 'wait', summary: 'Wait until services have ended', load: () => import('./commands/wait.ts') },
  { name: 'top', summary: 'Show the processes of services', load: () => import('./commands/top.ts') },
  { name: 'stats', summary: 'Show what services use', load: () => import('./commands/stats.ts') },
  { name: 'cp', summary: 'Copy files to and from containers', load: () => import('./commands/cp.ts'), acts: true },
  { name: 'commit', summary: 'Make an image of a container', load: () => import('./commands/commit.ts') },
  { name: 'export', summary: 'Write a root file system as a tar', load: () => import('./commands/export.ts') },
  { name: 'events', summary: 'Show what happens to containers', load: () => import('./commands/events.ts') },
  { name: 'port', summary: 'Print the published address of a port', load: () => import('./commands/port.ts') },
  { name: 'build', summary: 'Build the images of services', load: () => import('./commands/build.ts'), acts: true },
  { name: 'pull', summary: 'Pull the images of services', load: () => import('./commands/pull.ts'), acts: true },
  { name: 'push', summary: 'Push the images of services', load: () => import('./commands/push.ts'), acts: true },
  { name: 'images', summary: 'List the images of the containers', load: () => import('./commands/images.ts') },
  { name: 'volumes', summary: 'List the volumes of a project', load: () => import('./commands/volumes.ts') },
  {
    name: 'config',
    summary: 'Check the Compose files and print the result',
    load: () => import('./commands/config.ts'),
  },
  { name: 'ls', summary: 'List projects', load: () => import('./commands/ls.ts') },
]

const ENGINE_COMMANDS: readonly CommandEntry[] = [
  { name: 'engine', summary: 'Start, stop and look at the engine', load: () => import('./commands/engine.ts') },
  { name: 'image', summary: 'Make, list and remove images', load: () => import('./commands/image.ts') },
  { name: 'builder', summary: 'Show and prune the build cache', load: () => import('./commands/builder.ts') },
  { name: 'login', summary: 'Log in to a registry', load: () => import('./commands/login.ts') },
  { name: 'logout', summary: 'Forget the login for a registry', load: () => import('./commands/logout.ts') },
  { name: 'volume', summary: 'List and remove volumes', load: () => import('./commands/volume.ts') },
  { name: 'network', summary: 'List networks', load: () => import('./commands/network.ts') },
  { name: 'system', summary: 'Show and free disk space', load: () => import('./commands/system.ts') },
  { name: 'doctor', summary: 'Check this machine and say what to mend', load: () => import('./commands/doctor.ts') },
  { name: 'version', summary: 'Print the version', load: () => import('./commands/version.ts') },
]

/** What docker compose has and we do not have yet: told as such, not as a misspelling. */
const NOT_YET = 'bridge publish watch'.split(' ')

const EXAMPLES = `
Examples:
  $ mycompose up -d --wait                 start everything and wait until it is ready
  $ mycompose logs -f web                  follow the output of one service
  $ mycompose exec db psql -U postgres     run a command in a running container
  $ mycompose -f dev.yaml -p demo up       another file, another project name
  $ mycompose down -v                      stop and remove everything, volumes too

"mycompose COMMAND -h" explains a command.
`

export function buildProgram(cli: CliContext): Command {
  const program = new Command('mycompose')
    .description('Runs the services of a Compose file on an engine of its own.')
    .usage('[OPTIONS] COMMAND')
    .version(`mycompose version v${VERSION}`, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .exitOverride()
    .configureHelp({ helpWidth: 100 })
    .configureOutput({
      writeOut: (text) => void cli.io.stdout.write(text),
      writeErr: (text) => void cli.io.stderr.write(text),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText('after', EXAMPLES)
  defineGlobals(program)
  program.commandsGroup('Project:')
  for (const entry of PROJECT_COMMANDS) addCommand(program, entry)
  program.commandsGroup('Engine:')
  for (const entry of ENGINE_COMMANDS) addCommand(program, entry)
  program.command('help [command...]', { hidden: true }).action(async (names: readonly string[]) => {
    await program.parseAsync([...names, '--help'], { from: 'user' })
  })
  for (const name of NOT_YET) addMissing(program, name)
  program.hook('preSubcommand', async (_program, called) => {
    const entry = [...PROJECT_COMMANDS, ...ENGINE_COMMANDS].find(({ name }) => name === called.name())
    if (entry !== undefined) await complete(program, called, entry, cli)
  })
  return program
}

function addCommand(program: Command, { name, summary }: CommandEntry): void {
  program.command(name).description(`${summary}.`).summary(summary)
}

function addMissing(program: Command, name: string): void {
  program
    .command(name, { hidden: true })
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(() => {
      throw new UnsupportedError(`mycompose does not have "${name}" yet`, { hint: '`mycompose -h` lists what it has' })
    })
}

async function complete(program: Command, command: Command, entry: CommandEntry, cli: CliContext): Promise<void> {
  cli.io.onCommand?.(entry.name)
  const module = await entry.load()
  const globals = (): RawGlobals => ({
    ...program.opts<RawGlobals>(),
    ...(entry.acts === true && command.getOptionValue('dryRun') === true ? { dryRun: true } : {}),
    // `build --progress plain`, as it was before the option became a global one
    ...(typeof command.getOptionValue('progress') === 'string'
      ? { progress: String(command.getOptionValue('progress')) }
      : {}),
  })
  module.define(command, (work) => cli.run(globals(), async (session) => (await work(session)) ?? undefined))
  if (entry.acts === true) command.option('--dry-run', 'show what would be done and do nothing')
  defaultNegated(command)
}

/** commander does this before the hook in which a command's options are defined. */
function defaultNegated(command: Command): void {
  for (const option of command.options) {
    const name = option.attributeName()
    if (option.negate && command.getOptionValue(name) === undefined)
      command.setOptionValueWithSource(name, true, 'default')
  }
}
