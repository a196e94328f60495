#!/usr/bin/env -S node --
/**
 * Entry of the command line in a checkout (the bundle's is bundled.ts). Only turns on Node's cache of compiled code, so it
 * imports nothing statically: what is loaded before the cache is on is compiled anew each time.
 * Source: nodejs.org/api/module.html#module-compile-cache.
 * The `--` above keeps Node from taking --env-file, and NODE_OPTIONS in that file, for its own.
 */
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

/** Compiled code is executed: the folder must be one that only this user can write to, never /tmp. */
function compileCacheFolder(): string | undefined {
  if (process.geteuid?.() === 0) return '/var/cache/mycompose/compile'
  const base = process.env['XDG_CACHE_HOME'] || (process.env['HOME'] && join(process.env['HOME'], '.cache'))
  return base && join(base, 'mycompose', 'compile')
}

const folder = compileCacheFolder()
if (folder !== undefined && folder !== '') enableCompileCache(folder)
const { main } = await import('./process.ts')
await main()
