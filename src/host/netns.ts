/**
 * Network namespaces held by a bind mount on a file, and work inside them on the engine's own main thread:
 * setns(2) there and back within one synchronous stretch, so no other JavaScript ever runs in the wrong one.
 * libuv's threads are not touched (a network namespace belongs to a thread). Source: man 7 network_namespaces.
 */
import { closeSync, openSync, rmSync, statSync, statfsSync } from 'node:fs'
import { errnoOf } from '../errors.ts'
import type { Libc } from './libc.ts'
import { MNT_DETACH, MS_BIND, createMounts } from './mounts.ts'
import { createSockets, type Sockets } from './sockets.ts'

export interface Netns extends Sockets {
  /** Makes a namespace and binds it to the new file `path`. Throws KernelError. */
  create(path: string): void
  /** Binds the namespace of another file (/proc/PID/ns/net) to `path`, made if it is not there. */
  bind(source: string, path: string): void
  /** Unbinds and deletes the file; nothing happens when it is gone. */
  remove(path: string): Promise<void>
  /** Runs `work` (synchronous!) inside. `path`: a namespace file, or /proc/PID/ns/net. Throws KernelError. */
  inside<T>(path: string, work: () => T): T
  /** The inode of the namespace: equal numbers, same namespace. Undefined when the file is no namespace. */
  inode(path: string): number | undefined
}

const OWN = '/proc/thread-self/ns/net'
const CLONE_NEWNET = 0x40000000
const NSFS_MAGIC = 0x6e736673

export function createNetns(libc: Libc): Netns {
  const setnsCall = libc.func('int setns(int fd, int type)')
  const unshareCall = libc.func('int unshare(int flags)')
  const mounts = createMounts(libc)

  function enter(fd: number, path: string): void {
    if (setnsCall(fd, CLONE_NEWNET) !== 0) throw libc.error(`cannot enter the network namespace ${path}`, path)
  }

  /** Comes back to where it was, or ends the process: going on in a container's namespace would corrupt everything. */
  function returning<T>(work: () => T): T {
    const home = openSync(OWN, 'r')
    try {
      return work()
    } finally {
      if (setnsCall(home, CLONE_NEWNET) !== 0) process.abort()
      closeSync(home)
    }
  }

  async function remove(path: string): Promise<void> {
    await mounts.umountAsync(path, MNT_DETACH)
    rmSync(path, { force: true })
  }

  /** `work` mounts onto the new file; when it throws the file goes again. */
  function withFile(path: string, flags: 'wx' | 'w', work: () => void): void {
    closeSync(openSync(path, flags, 0o444))
    try {
      work()
    } catch (error) {
      mounts.umount(path, MNT_DETACH)
      rmSync(path, { force: true })
      throw error
    }
  }

  return {
    ...createSockets(libc),
    remove,
    create(path) {
      withFile(path, 'wx', () =>
        returning(() => {
          if (unshareCall(CLONE_NEWNET) !== 0) throw libc.error('cannot make a network namespace', path)
          mounts.mount({ source: OWN, target: path, flags: MS_BIND })
        }),
      )
    },
    bind: (source, path) => withFile(path, 'w', () => mounts.mount({ source, target: path, flags: MS_BIND })),
    inside(path, work) {
      const fd = openSync(path, 'r')
      try {
        return returning(() => {
          enter(fd, path)
          return work()
        })
      } finally {
        closeSync(fd)
      }
    },
    inode(path) {
      try {
        return statfsSync(path).type === NSFS_MAGIC ? statSync(path).ino : undefined
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return undefined
        throw error
      }
    },
  }
}
