/**
 * The command line as a process: takes streams, environment and signals from it and sets its exit code. The only user of
 * `process` in src/cli, and the only writer of process.exitCode.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UsageError } from '../errors.ts'
import { createCliHost } from '../host/cli-host.ts'
import { VERSION } from '../version.ts'
import type { CliIo } from './io.ts'
import { BUG_EXIT_CODE, run } from './run.ts'

const EXIT_GRACE_MS = 100

function processIo(onCommand: (name: string) => void): CliIo {
  const here = fileURLToPath(import.meta.url)
  const env = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
  return {
    // each costs a millisecond to open
    get stdin() {
      return process.stdin
    },
    get stdout() {
      return process.stdout
    },
    get stderr() {
      return quietly(process.stderr)
    },
    env,
    get cwd() {
      return currentFolder()
    },
    host: createCliHost(),
    onCommand,
    onSignal(signal, listener) {
      process.on(signal, listener)
      return () => process.off(signal, listener)
    },
    engineEntry: here.endsWith('.ts') ? join(here, '../../engine/main.ts') : join(here, '../engine.js'),
  }
}

function currentFolder(): string {
  try {
    return process.cwd()
  } catch (cause) {
    throw new UsageError('the current folder does not exist any more', { hint: 'go to another one: cd', cause })
  }
}

/** Nobody to read our errors is no reason to crash. */
function quietly(stderr: typeof process.stderr): typeof process.stderr {
  if (stderr.listenerCount('error') === 0) stderr.on('error', () => {})
  return stderr
}

/** Runs the process's command line. Answers the name of the command, or "". */
export async function main(): Promise<string> {
  let command = ''
  // an error that nobody awaited: a bug, told as the others are
  process.on('uncaughtException', (error) => {
    void import('./output/error.ts').then(({ formatBug }) => {
      process.stderr.write(formatBug(error, VERSION))
      process.exit(BUG_EXIT_CODE)
    })
  })
  process.exitCode = await run(
    process.argv.slice(2),
    processIo((name) => {
      command = name
    }),
  )
  // a connection or a standard input that stays open must not hold the process: all output has been written
  setTimeout(() => process.exit(), EXIT_GRACE_MS).unref()
  return command
}
