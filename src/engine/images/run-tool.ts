/** Long-running programs of the bootstrap: told about line by line, ended cleanly when canceled. */
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { CanceledError, ToolError } from '../../errors.ts'
import type { Host, Spawned } from '../../host/host.ts'

const TAIL_LINES = 40
/** So long a canceled program may take to clean up after itself. */
const KILL_AFTER_MS = 10_000

export interface ToolRun {
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

async function waitFor(host: Host, child: Spawned, signal: AbortSignal): ReturnType<() => Spawned['exited']> {
  let timer: Promise<void> | undefined
  const stop = (): void => {
    child.kill('SIGTERM')
    timer = host.clock.sleep(KILL_AFTER_MS).then(() => child.kill('SIGKILL'))
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    if (signal.aborted) stop()
    return await child.exited
  } finally {
    signal.removeEventListener('abort', stop)
    timer?.catch(() => {})
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
        child.kill('SIGTERM')
        return error
      },
    )
  }
  const exit = await waitFor(host, child, signal)
  const failure = await used
  if (signal.aborted) throw new CanceledError(`${argv[0]} was canceled`)
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
