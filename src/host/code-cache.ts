/**
 * Runs a CommonJS file with V8's compiled code from a cache of our own. Node's module.enableCompileCache stores a file when
 * it is loaded, before any function has run, so each start compiles again all functions that it uses: half of the work of
 * a short command. This cache is made after the work, and made anew when there was a use that it does not know.
 * Source: nodejs.org/api/vm.html#scriptcreatecacheddata, v8.dev/blog/code-caching.
 */
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Script } from 'node:vm'

export interface CachedModule<Exports> {
  readonly exports: Exports
  /** Stores what is compiled by now, unless the cache was made after such a use already. Never throws. */
  remember(use: string): void
}

interface Stored {
  readonly data: Buffer
  /** The uses (commands) that have run before it was made. */
  readonly uses: readonly string[]
}

const LENGTH_BYTES = 4
const KEPT_MS = 7 * 24 * 3_600_000
/** What the bundle's code finds; __url stands for import.meta.url. No `require`: it holds all but Node's own modules. */
const PARAMETERS = 'exports, module, __url'

/** data, the uses as JSON, its length. What cannot be read is no cache. */
function load(cacheFile: string): Stored | undefined {
  try {
    const bytes = readFileSync(cacheFile)
    const end = bytes.length - LENGTH_BYTES
    const start = end - bytes.readUInt32LE(end)
    return { data: bytes.subarray(0, start), uses: JSON.parse(bytes.toString('latin1', start, end)) as string[] }
  } catch {
    return undefined
  }
}

/** Files of builds that nobody has run for a while: each build has a name of its own. */
function forgetOld(cacheFile: string): void {
  const folder = dirname(cacheFile)
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (name !== basename(cacheFile) && Date.now() - statSync(path).mtimeMs > KEPT_MS) rmSync(path, { force: true })
  }
}

/** Readers see the old file or the new one, and the next writer mends what this one could not do. */
function store(cacheFile: string, { data, uses }: Stored): void {
  const text = Buffer.from(JSON.stringify(uses), 'latin1')
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32LE(text.length)
  const temporary = `${cacheFile}.${process.pid}`
  try {
    mkdirSync(dirname(cacheFile), { recursive: true, mode: 0o700 })
    writeFileSync(temporary, Buffer.concat([data, text, length]), { mode: 0o600 })
    renameSync(temporary, cacheFile)
    forgetOld(cacheFile)
  } catch {
    // a full disk or a read-only home: commands only start slower
  }
}

/**
 * `file` must be ASCII. Compiled code is executed: `cacheFile` must lie where only this user can write, and its name must
 * change with the file's content (V8 itself compares no more than the length).
 */
export function runCached<Exports>(file: string, cacheFile: string | undefined): CachedModule<Exports> {
  const stored = cacheFile === undefined ? undefined : load(cacheFile)
  const source = `(function (${PARAMETERS}) {${readFileSync(file, 'latin1')}\n})`
  const script = new Script(source, { filename: file, ...(stored === undefined ? {} : { cachedData: stored.data }) })
  const known = script.cachedDataRejected === true ? [] : (stored?.uses ?? [])
  const module = { exports: {} }
  const run = script.runInThisContext() as (...parameters: unknown[]) => void
  run(module.exports, module, pathToFileURL(file).href)
  return {
    exports: module.exports as Exports,
    remember(use) {
      if (cacheFile === undefined || known.includes(use)) return
      store(cacheFile, { data: script.createCachedData(), uses: [...known, use] })
    },
  }
}
