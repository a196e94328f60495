/** Times of commands: spawn to exit, several runs, the median. Nothing here knows what is measured. */
import { spawn } from 'node:child_process'

export interface Sample {
  readonly medianMs: number
  readonly minMs: number
  readonly maxMs: number
  readonly runs: number
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

export interface Finished {
  readonly durationMs: number
  readonly stdout: string
}

/** Runs to the end; throws with the last of its standard error when it fails. Output is kept only when asked for. */
export function run(
  argv: readonly string[],
  options: RunOptions & { readonly keepOutput?: boolean } = {},
): Promise<Finished> {
  const { cwd, env, timeoutMs = 180_000, keepOutput = false } = options
  const [program = '', ...args] = argv
  return new Promise((resolve, reject) => {
    const startedMs = performance.now()
    const child = spawn(program, args, {
      ...(cwd === undefined ? {} : { cwd }),
      ...(env === undefined ? {} : { env: { ...env } }),
      stdio: ['ignore', keepOutput ? 'pipe' : 'ignore', 'pipe'],
      timeout: timeoutMs,
    })
    let [stdout, stderr] = ['', '']
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-2000)))
    child.once('error', reject)
    // exit, not close: a daemon that the command started may hold the pipe
    child.once('exit', (code, signal) => {
      const durationMs = performance.now() - startedMs
      child.stderr?.destroy()
      if (code === 0) {
        if (child.stdout === null || child.stdout.readableEnded) resolve({ durationMs, stdout })
        else child.stdout.once('end', () => resolve({ durationMs, stdout }))
      } else reject(new Error(`${argv.join(' ')}: ${signal ?? `exit code ${code}`}: ${stderr.trim()}`))
    })
  })
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

export function summarise(valuesMs: readonly number[]): Sample {
  return {
    medianMs: median(valuesMs),
    minMs: Math.min(...valuesMs),
    maxMs: Math.max(...valuesMs),
    runs: valuesMs.length,
  }
}
