/** `engine start|stop|status|install|uninstall`: the background process of this root. */
import { Option, type Command } from 'commander'
import type { EngineStatus } from '../../api/types/index.ts'
import { MycomposeError, UsageError } from '../../errors.ts'
import { formatBytes } from '../../units.ts'
import { answers, engineEnvironment, ensureEngine, type OwnLocation } from '../engine.ts'
import { endEngine } from '../handover.ts'
import { addExamples } from '../help.ts'
import { formatRoughDuration } from '../output/relative-time.ts'
import type { Invoke } from '../program.ts'
import { refuseDryRun, type Session } from '../session.ts'

export function define(command: Command, invoke: Invoke): void {
  command
    .helpCommand(false)
    .description(
      'The engine is one background process per root folder. Commands that need it start it; containers outlive it.',
    )
  addExamples(
    command
      .command('start')
      .description('Starts the engine; nothing happens when it runs already.')
      .action(() => invoke(start)),
    [
      ['engine start', 'the engine of this machine'],
      ['--root /tmp/e1 engine start', 'one of its own, beside the other'],
    ],
  )
  addExamples(
    command
      .command('stop')
      .description('Ends the engine. Containers go on running unless --all is given.')
      .option('--all', 'stop the containers first')
      .action(({ all = false }: { readonly all?: boolean }) => invoke((session) => stop(session, all))),
    [
      ['engine stop', 'containers go on; the next command starts it again'],
      ['engine stop --all', 'and nothing runs any more'],
    ],
  )
  addExamples(
    command
      .command('status')
      .description('Tells whether the engine runs, and its state. Exit code 0 when it runs, 1 when it does not.')
      .addOption(new Option('--format <format>', 'output format').choices(['table', 'json']).default('table'))
      .action(({ format }: { readonly format: 'table' | 'json' }) => invoke((session) => status(session, format))),
    [
      ['engine status', 'for people'],
      ['engine status --format json', 'for scripts'],
    ],
  )
  addExamples(
    command
      .command('install')
      .description(
        'Writes and starts a systemd unit: the engine starts with the machine, and a logout does not end it.',
      )
      .option('--print', 'show the unit and change nothing')
      .action(({ print = false }: { readonly print?: boolean }) => invoke((session) => install(session, print))),
    [
      ['engine install', 'containers with restart: always come up after a reboot'],
      ['engine install --print', 'to read it first, or to put it elsewhere'],
    ],
  )
  addExamples(
    command
      .command('uninstall')
      .description('Stops and removes the systemd unit. Containers go on running.')
      .action(() => invoke(uninstall)),
    [['engine uninstall', 'the next command starts the engine as before']],
  )
  addExamples(command, [['engine status', 'process, folder, socket, memory']])
}

async function ownEngine(session: Session): Promise<OwnLocation> {
  const location = await session.engineLocation()
  if (location.kind === 'own') return location
  throw new UsageError(`the engine at ${location.socketPath} is not ours to start or stop`, {
    hint: 'leave out --host and DOCKER_HOST, or name an engine of ours with --root',
  })
}

async function start(session: Session): Promise<void> {
  refuseDryRun(session, 'engine start')
  const location = await ownEngine(session)
  if (!(await ensureEngine(location, session.io))) return await session.print('The engine runs already.\n')
  await session.print(`The engine runs. Its socket is ${location.socketPath}\n`)
}

async function stop(session: Session, all: boolean): Promise<void> {
  refuseDryRun(session, 'engine stop')
  const location = await ownEngine(session)
  const { io } = session
  if (!(await answers(location, io))) return await session.print('The engine does not run.\n')
  await endEngine(location, io, { all, signal: session.signal })
  await session.print('The engine has ended.\n')
}

async function install(session: Session, print: boolean): Promise<void> {
  const location = await ownEngine(session)
  const { config } = location
  const { io } = session
  const { systemctl, unitText } = await import('../systemd.ts')
  const { hasSystemd, unitName, unitPath } = await import('../unit-name.ts')
  const text = unitText(config, {
    nodePath: io.host.nodePath,
    engineEntry: io.engineEntry,
    environment: engineEnvironment(io.env),
  })
  if (print) return await session.print(text)
  refuseDryRun(session, 'engine install')
  requireRoot(session, 'install')
  if (!hasSystemd(io))
    throw new MycomposeError('systemd does not run on this machine, so there is nothing to install into', {
      code: 'NO_SYSTEMD',
      hint: 'have your init run `mycompose engine start` as root; `mycompose engine install --print` shows what a unit would run',
    })
  await io.host.files.writeAtomic(unitPath(config), text, { mode: 0o644 })
  await systemctl(io, 'daemon-reload')
  await systemctl(io, 'enable', unitName(config))
  // one that runs outside of the unit makes way; its containers go on
  if (await answers(location, io)) await endEngine(location, io, { all: false, signal: session.signal })
  await ensureEngine(location, io)
  await session.print(`The engine runs as ${unitName(config)} and starts with the machine (${unitPath(config)}).\n`)
}

async function uninstall(session: Session): Promise<void> {
  refuseDryRun(session, 'engine uninstall')
  const { config } = await ownEngine(session)
  const { io } = session
  requireRoot(session, 'uninstall')
  const { systemctl } = await import('../systemd.ts')
  const { hasSystemd, unitName, unitPath } = await import('../unit-name.ts')
  if (!io.host.files.existsSync(unitPath(config)))
    return await session.print(`There is no ${unitPath(config)}: nothing to remove.\n`)
  if (hasSystemd(io)) await systemctl(io, 'disable', '--now', unitName(config))
  await io.host.files.rm(unitPath(config), { force: true })
  if (hasSystemd(io)) await systemctl(io, 'daemon-reload')
  await session.print(`${unitName(config)} is removed and its engine has ended; containers go on.\n`)
}

function requireRoot({ io }: Session, verb: string): void {
  if (io.host.userId === 0) return
  throw new MycomposeError(`only root can ${verb} the engine`, { code: 'NEEDS_ROOT', hint: 'run it with sudo' })
}

async function status(session: Session, format: 'table' | 'json'): Promise<number> {
  const location = await session.engineLocation()
  if (!(await answers(location, session.io))) {
    const { socketPath } = location
    await session.print(
      format === 'json'
        ? `${JSON.stringify({ State: 'stopped', Socket: socketPath })}\n`
        : `The engine does not run (${socketPath}).\n`,
    )
    return 1
  }
  const client = await session.client()
  const found = await client.status()
  await session.print(
    format === 'json'
      ? `${JSON.stringify({ State: 'running', ...found })}\n`
      : formatStatus(found, session.io.host.clock.nowMs()),
  )
  return 0
}

function formatStatus(found: EngineStatus, nowMs: number): string {
  const age = formatRoughDuration((nowMs - Date.parse(found.StartedAt)) / 1000)
  const lines = [
    ['State', 'running'],
    ['Version', found.Version],
    ['Process', `${found.Pid}, up ${age}, ${formatBytes(found.MemoryRssBytes)}`],
    ['Root', found.Root],
    ['Socket', found.Socket],
    ['Containers', `${found.Containers}, ${found.Running} running`],
    ['Runtime', found.Runtime],
    ['Cgroups', found.CgroupLayout],
  ] as const
  return lines.map(([name, value]) => `${`${name}:`.padEnd(12)}${value}\n`).join('')
}
