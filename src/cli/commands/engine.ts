/** `engine start|stop|status`: the background process of this root. */
import { Option, type Command } from 'commander'
import type { EngineStatus } from '../../api/types/index.ts'
import { MycomposeError, UsageError } from '../../errors.ts'
import { formatBytes } from '../../units.ts'
import { answers, startEngine, type EngineLocation } from '../engine.ts'
import { addExamples } from '../help.ts'
import { formatRoughDuration } from '../output/relative-time.ts'
import type { Invoke } from '../program.ts'
import { refuseDryRun, type Session } from '../session.ts'

const STOP_TIMEOUT_MS = 60_000

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
  addExamples(command, [['engine status', 'process, folder, socket, memory']])
}

type OwnLocation = Extract<EngineLocation, { kind: 'own' }>

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
  if (await answers(location, session.io)) return await session.print('The engine runs already.\n')
  await startEngine(location.config, session.io)
  await session.print(`The engine runs. Its socket is ${location.socketPath}\n`)
}

async function stop(session: Session, all: boolean): Promise<void> {
  refuseDryRun(session, 'engine stop')
  const location = await ownEngine(session)
  const { io } = session
  if (!(await answers(location, io))) return await session.print('The engine does not run.\n')
  const client = await session.client()
  const { Pid: pid } = await client.status()
  await client.shutdown({ all })
  client.close()
  const end = io.host.clock.nowMs() + STOP_TIMEOUT_MS
  // it gives up its socket first and its lock last: only when the process is gone can another one start
  while (io.host.files.existsSync(`/proc/${pid}`)) {
    if (io.host.clock.nowMs() > end)
      throw new MycomposeError('the engine does not end', {
        code: 'ENGINE_STOP_TIMEOUT',
        hint: `see ${location.config.paths.log}`,
      })
    await io.host.clock.sleep(10, session.signal)
  }
  await session.print('The engine has ended.\n')
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
