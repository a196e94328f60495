/** `attach`: options, and which container. Source: docker compose attach. */
import type { Command } from 'commander'
import { parseDetachKeys } from '../../api/detach-keys.ts'
import { findRunning } from '../../project/exec.ts'
import { checkTerminal, followContainer, tellDetached, terminalSize } from '../attached-container.ts'
import { addExamples } from '../help.ts'
import { acceptBooleanValues, positiveInteger, present } from '../options.ts'
import type { Invoke } from '../program.ts'
import { refuseDryRun, type Session } from '../session.ts'

interface AttachFlags {
  readonly detachKeys?: string
  readonly index?: number
  /** False: --no-stdin. */
  readonly stdin: boolean
  readonly sigProxy: boolean
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description(
      'Joins our standard streams with those of a running container of a service: its output from now on, our input\n' +
        'where the service has `stdin_open`. Ends with the exit code of the container; ctrl-p ctrl-q leaves it running.',
    )
    .argument('<SERVICE>', 'the service')
    .option('--detach-keys <keys>', 'keys that leave a terminal (default: ctrl-p,ctrl-q)')
    .option('--index <n>', 'which replica of the service (default: the lowest)', positiveInteger)
    .option('--no-stdin', 'leave our input alone')
    .option('--no-sig-proxy', 'signals (Ctrl-C) end the command instead of going to the process')
    .option('--sig-proxy', 'pass signals on to the process (default)')
    .action((service: string, flags: AttachFlags) => invoke((session) => run(session, service, flags)))
  acceptBooleanValues(command)
  addExamples(command, [
    ['attach web', 'the output of a service, as it comes'],
    ['attach --no-stdin --sig-proxy=false web', 'only look: Ctrl-C ends the command, not the service'],
    ['attach --detach-keys ctrl-a,d shell', 'leave a terminal by ctrl-a d'],
  ])
}

async function run(session: Session, service: string, flags: AttachFlags): Promise<number> {
  refuseDryRun(session, 'attach')
  const detachKeys = parseDetachKeys(flags.detachKeys)
  const { index, sigProxy } = flags
  const target = await session.target()
  const context = await session.context()
  const { containers } = context.client
  const { id } = await findRunning(context, target, { service, ...present({ index }) })
  const { Config } = await containers.inspect(id)
  const tty = Config.Tty === true
  const stdin = flags.stdin && Config.OpenStdin === true
  checkTerminal(session, { tty, stdin })
  const { exit } = await containers.watchExit(id, 'not-running', session.signal)
  const stream = await containers.attach(id, { tty, stdin, ...present({ detachKeys: flags.detachKeys }) })
  const hasTerminal = tty && session.io.stdout.isTTY === true
  if (hasTerminal) await redraw(session, id)
  const outcome = await followContainer(session, stream, exit, {
    id,
    tty: hasTerminal,
    stdin,
    detachKeys,
    forwardSignals: sigProxy,
    leavesWithInput: stdin && !tty && Config.StdinOnce !== true,
  })
  return outcome === 'detached' ? await tellDetached(session) : outcome
}

/** A program draws its screen anew when the size changes; so it changes, and back. */
async function redraw(session: Session, id: string): Promise<void> {
  const { containers } = await session.client()
  const [rows, columns] = terminalSize(session)
  await containers.resize(id, rows + 1, columns)
  await containers.resize(id, rows, columns)
}
