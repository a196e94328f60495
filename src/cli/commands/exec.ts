/** `exec`: options, terminal mode and streams; which container is project/exec.ts. Source: docker compose exec. */
import type { Command } from 'commander'
import { DEFAULT_DETACH_KEYS } from '../../api/detach-keys.ts'
import { exec, type ExecRun } from '../../project/exec.ts'
import { tellDetached } from '../attached-container.ts'
import { addExamples } from '../help.ts'
import { collect, positiveInteger, present } from '../options.ts'
import type { Invoke } from '../program.ts'
import { refuseDryRun, type Session } from '../session.ts'
import { streamSession } from '../terminal.ts'

interface ExecFlags {
  readonly detach?: boolean
  readonly env?: readonly string[]
  readonly index?: number
  /** False: -T. */
  readonly tty: boolean
  readonly privileged?: boolean
  readonly user?: string
  readonly workdir?: string
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Runs a command in a running container of a service, and ends with its exit code.')
    .argument('<SERVICE>', 'the service')
    .argument('<COMMAND...>', 'the command and its arguments, as they are')
    .passThroughOptions()
    .option('-d, --detach', 'do not wait for it')
    .option('-e, --env <K=V>', 'set a variable; K alone passes on ours (may be repeated)', collect)
    .option('--index <n>', 'which replica of the service (default: the lowest)', positiveInteger)
    .option('-T, --no-tty', 'no terminal (default: one when standard input and output are terminals)')
    .option('--privileged', 'give it all rights')
    .option('-u, --user <user>', 'user or user:group, names or numbers')
    .option('-w, --workdir <dir>', 'working directory in the container')
    .action((service: string, argv: readonly string[], flags: ExecFlags) =>
      invoke((session) => run(session, service, argv, flags)),
    )
  addExamples(command, [
    ['exec web sh', 'a shell'],
    ['exec -T db pg_dump -U postgres app > dump.sql', 'output to a file'],
    ['exec -u root -w /tmp -e DEBUG=1 web id', 'as somebody else, somewhere else'],
    ['exec --index 2 worker ps', 'in the second replica'],
  ])
}

async function run(session: Session, service: string, command: readonly string[], flags: ExecFlags): Promise<number> {
  refuseDryRun(session, 'exec')
  const { stdin, stdout, env } = session.io
  const tty = flags.tty && flags.detach !== true && stdin.isTTY === true && stdout.isTTY === true
  const { index, detach, user, workdir: workingDir, privileged } = flags
  const target = await session.target()
  const context = await session.context()
  const size = tty ? ([stdout.rows ?? 24, stdout.columns ?? 80] as const) : undefined
  const started: ExecRun = await exec(context, target, {
    service,
    command,
    tty,
    interactive: detach !== true,
    env: environmentOf(flags.env ?? [], env),
    ...present({ index, detach, user, workingDir, privileged, consoleSize: size }),
  })
  if (started.session === undefined) return 0
  const outcome = await streamSession(session, started.session, {
    tty,
    stdin: true,
    detachKeys: DEFAULT_DETACH_KEYS,
    resize: (rows, columns) => started.resize(rows, columns),
  })
  return outcome === 'detached' ? await tellDetached(session) : await started.exitCode()
}

/** `K` alone is our own value, and nothing at all when we have none. */
function environmentOf(pairs: readonly string[], ours: Readonly<Record<string, string>>): readonly string[] {
  return pairs.flatMap((pair) => {
    if (pair.includes('=')) return [pair]
    const value = ours[pair]
    return value === undefined ? [] : [`${pair}=${value}`]
  })
}
