/**
 * Private mount namespaces, held by a descriptor, and work inside them on the engine's main thread: in, synchronous
 * work (such as starting a child, which stays there), back. Needed where a tool must see a changed /sys: crun on a
 * hybrid cgroup layout. Source: man 7 mount_namespaces, man 2 setns (a thread that shares its root and working folder
 * with others may not change its mount namespace, hence CLONE_FS; new threads share it again, hence each time).
 */
import { closeSync, openSync } from 'node:fs'
import type { Libc } from './libc.ts'
import { MS_REC, MS_SLAVE, createMounts } from './mounts.ts'

export interface MountNamespaces {
  /**
   * A copy of the present one, whose mounts follow those of shared parents here (slave), after `prepare`
   * (synchronous!) changed it. Returns its descriptor, closed on exec. Throws KernelError.
   */
  create(prepare: () => void): number
  /** Runs `work` (synchronous!) inside. Children that it starts stay inside. */
  inside<T>(namespaceFd: number, work: () => T): T
  close(namespaceFd: number): void
}

const OWN = '/proc/thread-self/ns/mnt'
const CLONE_FS = 0x200
const CLONE_NEWNS = 0x20000

export function createMountNamespaces(libc: Libc): MountNamespaces {
  const setnsCall = libc.func('int setns(int fd, int type)')
  const unshareCall = libc.func('int unshare(int flags)')
  const mounts = createMounts(libc)

  /** Comes back, or ends the process: every later path would be looked up in the wrong place. */
  function returning<T>(work: () => T): T {
    if (unshareCall(CLONE_FS) !== 0) throw libc.error('cannot part with the shared working folder')
    const home = openSync(OWN, 'r')
    try {
      return work()
    } finally {
      if (setnsCall(home, CLONE_NEWNS) !== 0) process.abort()
      closeSync(home)
    }
  }

  return {
    create: (prepare) =>
      returning(() => {
        if (unshareCall(CLONE_NEWNS) !== 0) throw libc.error('cannot make a mount namespace')
        mounts.mount({ source: 'none', target: '/', flags: MS_REC | MS_SLAVE })
        prepare()
        return openSync(OWN, 'r')
      }),
    inside: (namespaceFd, work) =>
      returning(() => {
        if (setnsCall(namespaceFd, CLONE_NEWNS) !== 0) throw libc.error('cannot enter a mount namespace')
        return work()
      }),
    close: closeSync,
  }
}
