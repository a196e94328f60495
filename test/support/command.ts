/** Programs as the tests run them: whole output kept, a limit on the time, and errors that show both streams. */
import { spawn, type ChildProcess } from 'node:child_process'
import { until } from './poll.ts'

export interface CommandOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  readonly timeoutMs?: number
}

export interface CommandResult {
  readonly argv: readonly string[]
  /** 128 + the signal's number when one ended it, as a shell has it. */
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  readonly durationMs: number
}

/** A command that still runs. */
export interface RunningCommand {
  readonly pid: number
  readonly stdout: string
  readonly stderr: string
  readonly exited: Promise<CommandResult>
  signal(name: NodeJS.Signals): void
  /** Waits until standard output and error together match. */
  waitFor(pattern: RegExp, timeoutMs?: number): Promise<void>
}

const SIGNAL_NUMBERS: Partial<Record<NodeJS.Signals, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGKILL: 9,
  SIGPIPE: 13,
  SIGTERM: 15,
}

/** argv, exit code and both streams, for a failed expectation. */
export function describeResult({ argv, exitCode, stdout, stderr }: CommandResult): string {
  return `${argv.join(' ')}\nexit code ${exitCode}\n--- stdout\n${stdout}\n--- stderr\n${stderr}\n---`
}

function gather(child: ChildProcess): { stdout: string; stderr: string } {
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8')
    child[name]?.on('data', (text: string) => (output[name] += text))
  }
  return output
}

export function startCommand(argv: readonly string[], options: CommandOptions = {}): RunningCommand {
  const { cwd, env, input, timeoutMs = 120_000 } = options
  const [program = '', ...args] = argv
  const startedMs = performance.now()
  const child = spawn(program, args, {
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env: { ...env } }),
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const output = gather(child)
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    child.kill('SIGKILL')
  }, timeoutMs)
  child.stdin?.on('error', () => {}) // the program may end without reading
  child.stdin?.end(input ?? '')
  const exited = new Promise<CommandResult>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      const exitCode = code ?? 128 + (SIGNAL_NUMBERS[signal ?? 'SIGTERM'] ?? 0)
      const result = { argv, exitCode, ...output, durationMs: performance.now() - startedMs }
      if (isLate) reject(new Error(`killed after ${timeoutMs} ms: ${describeResult(result)}`))
      else resolve(result)
    })
  })
  exited.catch(() => {}) // whoever awaits it gets the error
  return {
    pid: child.pid ?? -1,
    get stdout() {
      return output.stdout
    },
    get stderr() {
      return output.stderr
    },
    exited,
    signal: (name) => void child.kill(name),
    async waitFor(pattern, limitMs = 30_000) {
      const seen = (): string => `${output.stdout}\n${output.stderr}`
      await until(() => pattern.test(seen()), {
        timeoutMs: limitMs,
        what: `${String(pattern)} in the output of ${argv.join(' ')}`,
      }).catch((error: unknown) => {
        throw new Error(`${String(error)}\n--- output\n${seen()}`, { cause: error })
      })
    },
  }
}

export function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return startCommand(argv, options).exited
}
