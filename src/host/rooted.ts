/**
 * Opening paths that a container may have prepared: the given folder is "/" (openat2.ts, `within`), so that neither
 * "..", nor absolute links, nor a link swapped in at the last moment leads out. Further names are then reached as
 * /proc/self/fd/N/name.
 */
import { constants, closeSync, fstatSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { KernelError, MycomposeError, errnoOf } from '../errors.ts'
import type { Libc } from './libc.ts'
import { createOpenAt2, type Resolution } from './openat2.ts'

/** Node does not have it. */
const O_PATH = 0o10000000

/** O_* flags for open, here and in Files. */
export const openFlags: typeof constants = constants

export interface Rooted {
  /**
   * The descriptor of `path` inside `root`; links are followed, within. `flags`: O_* of node:fs constants, O_CLOEXEC
   * is added. Throws KernelError (ENOENT, ELOOP, ENOTDIR, ...).
   */
  open(root: string, path: string, flags: number, mode?: number): number
  close(fd: number): void
  /** The text of a regular file of at most `maxBytes`, undefined when there is none. Never waits (FIFO). sync */
  readText(root: string, path: string, maxBytes: number): string | undefined
  /** Makes the folder and its parents, owned by root. Throws KernelError ENOTDIR when a file is in the way. sync */
  makeFolders(root: string, path: string, mode: number): void
  /**
   * A descriptor (O_PATH) of a folder or file to mount on, made with its parents when it is not there. `path` is
   * relative; a link that leads out of `root` is an error (EXDEV), as it cannot mean the same here as to the container.
   * Throws KernelError (EXDEV, EROFS, ENOTDIR, ...). sync
   */
  openMountPoint(root: string, path: string, kind: 'folder' | 'file'): number
}

export function createRooted(libc: Libc): Rooted {
  const openat2 = createOpenAt2(libc)

  function open(root: string, path: string, flags: number, mode = 0, resolution: Resolution = 'within'): number {
    const rootFd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      return openat2(rootFd, Buffer.from(`${path === '' ? '.' : path}\0`), {
        flags,
        mode,
        resolution,
        failure: () => libc.error(`cannot open ${path} inside ${root}`, path),
      })
    } finally {
      closeSync(rootFd)
    }
  }

  /** Runs `work` with the folder's descriptor, or answers undefined when there is no such folder. */
  function insideFolder<T>(root: string, path: string, work: (fd: number) => T): T | undefined {
    let fd: number
    try {
      fd = open(root, path, constants.O_RDONLY | constants.O_DIRECTORY)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw error
    }
    try {
      return work(fd)
    } finally {
      closeSync(fd)
    }
  }

  function makeFolders(root: string, path: string, mode: number): void {
    const absolute = join('/', path)
    if (insideFolder(root, absolute, () => true) === true) return
    makeFolders(root, dirname(absolute), mode)
    insideFolder(root, dirname(absolute), (parent) => {
      try {
        mkdirSync(`/proc/self/fd/${parent}/${basename(absolute)}`, { mode })
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error
      }
    })
  }

  function openMountPoint(root: string, path: string, kind: 'folder' | 'file'): number {
    try {
      return open(root, path, O_PATH, 0, 'beneath')
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || path === '.') throw error
    }
    const parent = openMountPoint(root, dirname(path), 'folder')
    try {
      const place = `/proc/self/fd/${parent}/${basename(path)}`
      if (kind === 'folder') mkdirSync(place, { mode: 0o755 })
      else closeSync(openSync(place, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o644))
    } catch (cause) {
      const errno = errnoOf(cause)
      if (errno === undefined) throw cause
      if (errno !== 'EEXIST') throw new KernelError(`cannot make ${path} inside ${root}`, { errno, path, cause })
    } finally {
      closeSync(parent)
    }
    return open(root, path, O_PATH, 0, 'beneath')
  }

  return {
    open: (root, path, flags, mode) => open(root, path, flags, mode),
    close: closeSync,
    makeFolders,
    openMountPoint,
    readText(root, path, maxBytes) {
      let fd: number
      try {
        fd = open(root, path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
      } catch (error) {
        if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined
        throw error
      }
      try {
        const found = fstatSync(fd)
        if (!found.isFile() || found.size > maxBytes)
          throw new MycomposeError(
            `cannot read ${path} of the container: ${found.isFile() ? `${found.size} bytes are more than ${maxBytes}` : 'it is no regular file'}`,
            { code: 'HOSTILE_FILE' },
          )
        return readFileSync(fd, 'utf8')
      } finally {
        closeSync(fd)
      }
    },
  }
}
