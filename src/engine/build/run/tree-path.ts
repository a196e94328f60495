/**
 * Paths inside a tree that others have prepared, by descriptors: no link is ever followed by the kernel, and what links say
 * is resolved inside the tree. Source: man 2 openat2, CVE-2018-15664.
 */
import { errnoOf } from '../../../errors.ts'
import type { At, ByteString } from '../../../host/at.ts'
import { resolvePath } from '../../layers/layered-tree.ts'

const GONE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP'])

export const bytesOf = (path: string): ByteString => Buffer.from(path).toString('latin1')

export function splitPath(path: ByteString): readonly [parent: ByteString, name: ByteString] {
  const slash = path.lastIndexOf('/')
  return [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)]
}

/** Runs `work` (synchronous) with the folder `path` below `root`, on which no link lies; undefined when there is none. */
export function inFolder<T>(at: At, root: number, path: ByteString, work: (folder: number) => T): T | undefined {
  let folder: number
  try {
    folder = at.openFolder(root, path, 'no-links')
  } catch (error) {
    if (GONE.has(errnoOf(error) ?? '')) return undefined
    throw error
  }
  try {
    return work(folder)
  } finally {
    at.close(folder)
  }
}

/** Where the path leads inside the tree, be it there or not; no links lie on it. Throws TAR_INVALID for a loop. */
export function realPath(at: At, root: number, path: ByteString): ByteString {
  return resolvePath(path, (prefix) => {
    const [parent, name] = splitPath(prefix)
    return inFolder(at, root, parent, (folder) =>
      at.stat(folder, name)?.kind === 'symlink' ? at.readlink(folder, name) : undefined,
    )
  })
}
