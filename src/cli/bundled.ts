#!/usr/bin/env -S node --
/**
 * Entry of the bundled command line (dist/mycompose.js): runs cli.js beside it with compiled code from a cache. Tiny, and
 * CommonJS in the bundle, as Node compiles it anew each time and its ES module loader takes 4 ms to start. The `--` above
 * keeps Node from taking --env-file, and NODE_OPTIONS in that file, for its own.
 */
import { join } from 'node:path'
import { runCached } from '../host/code-cache.ts'

/** Set by the build: a digest of cli.js. */
declare const CLI_DIGEST: string

/** Compiled code is executed: the folder must be one that only this user can write to, never /tmp. */
function cacheFolder(): string | undefined {
  if (process.geteuid?.() === 0) return '/var/cache/mycompose'
  const base = process.env['XDG_CACHE_HOME'] || (process.env['HOME'] && join(process.env['HOME'], '.cache'))
  return base && join(base, 'mycompose')
}

const folder = cacheFolder()
const cacheFile = folder ? join(folder, 'code', `${CLI_DIGEST}-${process.version}-${process.arch}`) : undefined
const cli = runCached<typeof import('./process.ts')>(join(import.meta.dirname, 'cli.js'), cacheFile)
void cli.exports.main().then((command) => cli.remember(command))
