/**
 * The foreground of `run` and `attach`: one container's streams, signals passed on, and its exit code. Source: docker
 * run and attach (observable behaviour).
 */
import { errnoOf, MycomposeError, UsageError } from '../errors.ts'
import type { ContainersApi, StreamSession } from '../api/client/client.ts'
import type { SignalName } from './io.ts'
import type { Session } from './session.ts'
import { streamSession } from './terminal.ts'

export interface ForegroundOptions {
  readonly id: string
  readonly tty: boolean
  readonly stdin: boolean
  readonly detachKeys: Buffer
  /** Pass signals on to the process; false: they end the command, and the container goes on. */
  readonly forwardSignals: boolean
  /** Input that others may go on with: its end is the end of this session, not of the process. */
  readonly leavesWithInput?: boolean
}

const EXIT_GRACE_MS = 500
const FORWARDED: readonly SignalName[] = ['SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2']

/** As docker words it. Throws UsageError. */
export function checkTerminal(
  session: Session,
  { tty, stdin }: { readonly tty: boolean; readonly stdin: boolean },
): void {
  if (!tty || !stdin || session.io.stdin.isTTY === true) return
  throw new UsageError('the input device is not a TTY', { hint: 'use -T when the input is a pipe or a file' })
}

/** Rows and columns of our terminal. */
export function terminalSize({ io }: Session): readonly [number, number] {
  return [io.stdout.rows ?? 24, io.stdout.columns ?? 80]
}

/** What docker says, and ends with, when the keys to leave were typed in `attach` and `exec` (not in `run`). */
export async function tellDetached(session: Session): Promise<number> {
  await session.tell('read escape sequence\n')
  return 1
}

/** Answers the exit code, or "detached" when the user left by the keys. `exit`: of the container, watched since before the start. */
export async function followContainer(
  session: Session,
  stream: StreamSession,
  exit: Promise<{ readonly StatusCode: number }>,
  options: ForegroundOptions,
): Promise<number | 'detached'> {
  const { containers } = await session.client()
  exit.catch(() => {}) // awaited below
  const off = options.forwardSignals ? forwardSignals(session, containers, options.id) : (): void => {}
  try {
    const outcome = await streamSession(session, stream, {
      ...options,
      resize: (rows, columns) => containers.resize(options.id, rows, columns),
    })
    if (outcome === 'detached') return outcome
    const code = exit.then(({ StatusCode }) => StatusCode)
    if (options.leavesWithInput !== true) return await code
    // when the output has ended because the process has, its exit code comes at once
    return await Promise.race([code, session.io.host.clock.sleep(EXIT_GRACE_MS).then(() => 0)])
  } catch (error) {
    throw lost(error)
  } finally {
    off()
  }
}

/** The engine went away; its containers do not. */
function lost(error: unknown): unknown {
  const isLost = ['ECONNRESET', 'EPIPE'].includes(errnoOf(error) ?? '')
  if (!isLost && !(error instanceof MycomposeError && error.code === 'ENGINE_UNREACHABLE')) return error
  return new MycomposeError('the connection to the engine is lost; the container goes on', {
    code: 'ENGINE_UNREACHABLE',
    hint: '`mycompose ps -a` shows it, `mycompose attach` joins it again',
    cause: error,
  })
}

function forwardSignals(session: Session, containers: ContainersApi, id: string): () => void {
  // it may have ended this instant
  const pass = (signal: string): void => void containers.kill(id, signal).catch(() => {})
  session.takeSignals(pass)
  const offs = FORWARDED.map((signal) => session.io.onSignal(signal, () => pass(signal)))
  return () => {
    for (const off of offs) off()
  }
}
