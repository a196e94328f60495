/** Long-running programs of the bootstrap: told about line by line, ended with all their children when canceled. */
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { CanceledError, ToolError } from '../../errors.ts'
import type { Host, Spawned } from '../../host/host.ts'

const TAIL_LINES = 40

export interface ToolRun {
  /** Of namespaced(). */
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly onLine: (line: string) => void
}

function followLines(stream: Readable | null, tail: string[], onLine: (line: string) => void): void {
  if (stream === null) return
  createInterface({ input: stream }).on('line', (line) => {
    tail.push(line)
    if (tail.length > TAIL_LINES) tail.shift()
    onLine(line)
  })
}

/**
 * `command` in namespaces of its own: what it mounts stays inside, and all that it started ends with it, at once.
 * `proc`: the folder that its own /proc is mounted on. Source: man 1 unshare.
 */
export function namespaced(command: readonly string[], proc = '/proc'): string[] {
  return ['unshare', '--mount', '--pid', '--ipc', '--uts', '--fork', '--kill-child', `--mount-proc=${proc}`, ...command]
}

async function waitFor(child: Spawned, signal: AbortSignal): ReturnType<() => Spawned['exited']> {
  const stop = (): void => child.kill('SIGKILL')
  signal.addEventListener('abort', stop, { once: true })
  try {
    if (signal.aborted) stop()
    return await child.exited
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/**
 * Runs to the end; `useStdout` consumes the output (else its lines are told, too). Throws ToolError with the last lines,
 * CanceledError.
 */
export async function runTool(
  host: Host,
  { argv, env, signal, onLine }: ToolRun,
  useStdout?: (stdout: Readable) => Promise<void>,
): Promise<void> {
  const child = host.exec.spawn(argv, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const tail: string[] = []
  followLines(child.stderr, tail, onLine)
  let used: Promise<unknown> = Promise.resolve()
  if (useStdout === undefined || child.stdout === null) followLines(child.stdout, tail, onLine)
  else {
    used = useStdout(child.stdout).then(
      () => undefined,
      (error: unknown) => {
        child.kill('SIGKILL')
        return error
      },
    )
  }
  const exit = await waitFor(child, signal)
  const failure = await used
  if (signal.aborted) throw new CanceledError('making the image was canceled')
  if (exit.exitCode === 0 && failure === undefined) return
  // a program that failed explains a broken output better than the reader of the output does
  if (failure !== undefined && exit.exitCode === null) throw failure
  const stderrTail = tail.join('\n')
  if (exit.exitCode !== 0)
    throw new ToolError(`${argv[0]} failed (${exit.signal ?? `exit code ${exit.exitCode}`})`, {
      argv,
      toolExitCode: exit.exitCode,
      stderrTail,
    })
  throw failure
}
