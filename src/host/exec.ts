/**
 * Child processes. The only user of node:child_process: argv arrays, never a shell, a clean environment unless one is
 * given. (execa adds 12 ms to a start and its stream features are not needed by the engine; see README.)
 */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { Readable } from 'node:stream'
import { ToolError } from '../errors.ts'
import type { PosixSpawn } from './posix-spawn.ts'
import type { Exec, ExecOptions, ExecResult, SpawnOptions, Spawned } from './host.ts'

const CLEAN_ENV: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C.UTF-8',
}
const STDERR_TAIL = 4096
const MAX_OUTPUT = 64 * 2 ** 20

function start(argv: readonly string[], options: SpawnOptions): ChildProcess {
  const [program, ...args] = argv
  if (program === undefined) throw new Error('empty argv')
  return spawn(program, args, {
    env: { ...(options.env ?? CLEAN_ENV) },
    stdio: (options.stdio ?? ['pipe', 'pipe', 'pipe']) as StdioOptions,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    detached: options.detached ?? false,
  })
}

function exitOf(child: ChildProcess, argv: readonly string[]): Spawned['exited'] {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) =>
      reject(
        new ToolError(`cannot run ${argv[0]}: ${cause.message}`, { argv, toolExitCode: null, stderrTail: '', cause }),
      ),
    )
    child.once('close', (exitCode, signal) => resolve({ exitCode, signal }))
  })
}

function collect(stream: Readable | null): Promise<string> {
  if (stream === null) return Promise.resolve('')
  const chunks: Buffer[] = []
  let size = 0
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= MAX_OUTPUT) chunks.push(chunk)
  })
  return new Promise((resolve) => stream.once('close', () => resolve(Buffer.concat(chunks).toString('utf8'))))
}

async function run(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  const { input, okCodes = [0], signal, timeoutMs, env, cwd } = options
  signal?.throwIfAborted()
  const child = start(argv, {
    ...(env === undefined ? {} : { env }),
    ...(cwd === undefined ? {} : { cwd }),
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  const kill = (): void => void child.kill('SIGKILL')
  signal?.addEventListener('abort', kill, { once: true })
  const timer = timeoutMs === undefined ? undefined : setTimeout(kill, timeoutMs)
  try {
    if (input !== undefined && child.stdin !== null) {
      child.stdin.on('error', () => {}) // EPIPE: the program did not want all of it; its exit code tells
      if (typeof input === 'string' || input instanceof Uint8Array) child.stdin.end(input)
      else input.pipe(child.stdin)
    }
    const [exit, stdout, stderr] = await Promise.all([
      exitOf(child, argv),
      collect(child.stdout),
      collect(child.stderr),
    ])
    if (okCodes !== 'any' && (exit.exitCode === null || !okCodes.includes(exit.exitCode))) {
      const how = exit.signal === null ? `exit code ${exit.exitCode}` : `signal ${exit.signal}`
      const tail = stderr.trim().slice(-STDERR_TAIL)
      throw new ToolError(`${argv[0]} ${argv[1] ?? ''} failed (${how})${tail === '' ? '' : `: ${tail}`}`, {
        argv,
        toolExitCode: exit.exitCode,
        stderrTail: tail,
      })
    }
    return { ...exit, stdout, stderr }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', kill)
  }
}

/** `quickly`: the engine's way of starting long-lived children; the command line has none. */
export function createExec(quickly?: PosixSpawn): Exec {
  return {
    run,
    spawn(argv, options = {}) {
      const started = quickly?.(argv, { ...options, env: options.env ?? CLEAN_ENV })
      if (started !== undefined) return started
      const child = start(argv, options)
      const exited = exitOf(child, argv)
      exited.catch(() => {}) // the caller may look at it later
      return {
        pid: child.pid ?? -1,
        stdin: child.stdin,
        stdout: child.stdout,
        stderr: child.stderr,
        extra: child.stdio.slice(3).filter((stream) => stream instanceof Readable),
        exited,
        kill: (signal) => void child.kill(signal),
        unref: () => child.unref(),
      }
    },
  }
}
