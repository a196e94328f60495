#!/usr/bin/env node
/**
 * Entry of the command line: takes the streams, environment and signals from the process and sets its exit code; the
 * only writer of process.exitCode. Static imports are kept to what the compile cache must not cover, everything else
 * is loaded after it is on. Source: nodejs.org/api/module.html#module-compile-cache.
 */
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { VERSION } from '../version.ts'
import type { CliIo } from './io.ts'

const EXIT_GRACE_MS = 100

/** Compiled code is executed: the folder must be one that only this user can write to, never /tmp. */
function compileCacheFolder(): string | undefined {
  if (process.geteuid?.() === 0) return '/var/cache/mycompose/compile'
  const base = process.env['XDG_CACHE_HOME'] ?? (process.env['HOME'] && join(process.env['HOME'], '.cache'))
  return base && join(base, 'mycompose', 'compile')
}

async function processIo(): Promise<CliIo> {
  const { createCliHost } = await import('../host/cli-host.ts')
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
    cwd: process.cwd(),
    host: createCliHost(),
    onSignal(signal, listener) {
      process.on(signal, listener)
      return () => process.off(signal, listener)
    },
    engineEntry: here.endsWith('.ts') ? join(here, '../../engine/main.ts') : join(here, '../engine.js'),
  }
}

/** Nobody to read our errors is no reason to crash. */
function quietly(stderr: typeof process.stderr): typeof process.stderr {
  if (stderr.listenerCount('error') === 0) stderr.on('error', () => {})
  return stderr
}

const cacheFolder = compileCacheFolder()
if (cacheFolder !== undefined && cacheFolder !== '') enableCompileCache(cacheFolder)
// an error that nobody awaited: a bug, told as the others are
process.on('uncaughtException', (error) => {
  void import('./output/error.ts').then(({ formatBug }) => {
    process.stderr.write(formatBug(error, VERSION))
    process.exit(BUG_EXIT_CODE)
  })
})
const { run, BUG_EXIT_CODE } = await import('./run.ts')
process.exitCode = await run(process.argv.slice(2), await processIo())
// a connection or a standard input that stays open must not hold the process: all output has been written
setTimeout(() => process.exit(), EXIT_GRACE_MS).unref()
