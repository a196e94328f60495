/** Programs as the tests run them: whole output kept, a limit on the time, and errors that show both streams. */
import { constants } from 'node:os'
import { execa } from 'execa'
import { patient } from './patience.ts'
import { until } from './poll.ts'

export interface CommandOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  /** On a machine of usual speed. */
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

const MAX_OUTPUT_BYTES = 512 * 2 ** 20

/** argv, exit code and both streams, for a failed expectation. */
export function describeResult({ argv, exitCode, stdout, stderr }: CommandResult): string {
  return `${argv.join(' ')}\nexit code ${exitCode}\n--- stdout\n${stdout}\n--- stderr\n${stderr}\n---`
}

export function startCommand(argv: readonly string[], options: CommandOptions = {}): RunningCommand {
  const { cwd, env, input = '' } = options
  const timeoutMs = patient(options.timeoutMs ?? 120_000)
  const [program = '', ...args] = argv
  const child = execa(program, args, {
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env, extendEnv: false }),
    input,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    reject: false,
    stripFinalNewline: false,
    maxBuffer: MAX_OUTPUT_BYTES,
  })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text))
  const exited = child.then((ended): CommandResult => {
    if (ended.exitCode === undefined && ended.signal === undefined) throw new Error(ended.message)
    const exitCode = ended.exitCode ?? 128 + (constants.signals[ended.signal ?? 'SIGTERM'] ?? 0)
    const result = { argv, exitCode, stdout: ended.stdout, stderr: ended.stderr, durationMs: ended.durationMs }
    if (ended.timedOut) throw new Error(`killed after ${timeoutMs} ms: ${describeResult(result)}`)
    return result
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
    async waitFor(pattern, limitMs = 120_000) {
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
