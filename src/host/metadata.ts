/**
 * Calls on names and small texts, at one stroke: each takes the kernel some microseconds, and Node's asynchronous forms cost
 * twenty times that in processor time (a worker thread woken, a promise; several of each for a `rm` or a `writeFile`). What
 * may be large (trees, long files) or hang (`stat`, `open`, `readFile` of users' paths) stays asynchronous.
 */
import * as fs from 'node:fs'
import * as fsPromises from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../errors.ts'
import type { Files } from './host.ts'

/** A tree of more entries is removed by worker threads, or everybody would wait for it. */
const SMALL_TREE = 64
const SMALL_TEXT = 64 * 1024

type Metadata = Pick<Files, 'mkdir' | 'rmdir' | 'rename' | 'chmod' | 'chown' | 'rm' | 'writeFile'>

/** Returns how many more entries may be removed; 0: it gave up half way. Links are removed, not followed. */
function removeSmallTree(folder: string, budget: number): number {
  const entries = fs.readdirSync(folder, { withFileTypes: true })
  let left = budget - entries.length
  if (left <= 0) return 0
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      left = removeSmallTree(path, left)
      if (left <= 0) return 0
    } else fs.unlinkSync(path)
  }
  fs.rmdirSync(folder)
  return left
}

/** True when it is gone. */
function removedAtOnce(path: string): boolean {
  try {
    if (fs.lstatSync(path).isDirectory()) return removeSmallTree(path, SMALL_TREE) > 0
    fs.unlinkSync(path)
    return true
  } catch (error) {
    // ENOENT: whether that is an error, and what else is to be done about it, `rm` knows
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

export const metadata: Metadata = {
  mkdir: (async (path: string, options: fs.MakeDirectoryOptions) => fs.mkdirSync(path, options)) as Files['mkdir'],
  rmdir: async (path) => fs.rmdirSync(path),
  rename: async (from, to) => fs.renameSync(from, to),
  chmod: async (path, mode) => fs.chmodSync(path, mode),
  chown: async (path, uid, gid) => fs.chownSync(path, uid, gid),
  async rm(path, options) {
    if (options?.recursive === true && typeof path === 'string' && removedAtOnce(path)) return
    if (options?.recursive === true) await fsPromises.rm(path, options)
    else fs.rmSync(path, options)
  },
  async writeFile(file, data, options) {
    if (typeof file === 'string' && typeof data === 'string' && data.length < SMALL_TEXT)
      fs.writeFileSync(file, data, options as fs.WriteFileOptions)
    else await fsPromises.writeFile(file, data, options)
  },
}
