/**
 * One process per engine: an flock(2) that the kernel frees with the process, however it ends. And the process's own
 * output: pointing the descriptors 1 and 2 elsewhere, which Node cannot (dup2). Source: man 2 flock, man 2 dup.
 */
import { closeSync, openSync } from 'node:fs'
import type { Libc } from './libc.ts'

const LOCK_EX = 2
const LOCK_NB = 4

export interface ProcessLock {
  release(): void
}

export interface ProcessControl {
  /** Takes the lock on `path` (made 0600 if absent), undefined when another process holds it. Throws KernelError. */
  lock(path: string): ProcessLock | undefined
  /** `target` becomes what `source` is. Throws KernelError. */
  redirect(source: number, target: number): void
}

export function createProcessControl(libc: Libc): ProcessControl {
  const flock = libc.func('int flock(int fd, int operation)')
  const dup2 = libc.func('int dup2(int source, int target)')
  return {
    lock(path) {
      // close-on-exec, as Node opens all files: a conmon that outlives us must not hold the lock
      const fd = openSync(path, 'a', 0o600)
      if (flock(fd, LOCK_EX | LOCK_NB) === 0) return { release: () => closeSync(fd) }
      const failure = libc.error(`cannot lock ${path}`, path)
      closeSync(fd)
      if (failure.errno === 'EWOULDBLOCK' || failure.errno === 'EAGAIN') return undefined
      throw failure
    },
    redirect(source, target) {
      if (dup2(source, target) < 0) throw libc.error(`cannot redirect descriptor ${target}`)
    },
  }
}
