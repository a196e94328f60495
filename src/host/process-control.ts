/**
 * The engine as a process. One per root: an flock(2), which the kernel frees with the process, however it ends. And its
 * descriptors: pointing the standard ones elsewhere, which Node cannot (dup2), and closing what a caller left open.
 * Source: man 2 flock, man 2 dup, man 2 fcntl; CVE-2024-21626 (a descriptor that leaked into containers).
 */
import { closeSync, fstatSync, openSync, readdirSync, statSync, writeSync } from 'node:fs'
import { errnoOf } from '../errors.ts'
import type { Libc } from './libc.ts'

const LOCK_EX = 2
const LOCK_NB = 4
const F_GETFD = 1
const FD_CLOEXEC = 1

export interface ProcessLock {
  release(): void
}

export interface ProcessControl {
  /**
   * Takes the lock on `path` (made 0600 if absent), undefined when another process holds it. The holder may delete the
   * file while it has the lock. Throws KernelError, or Node's ENOENT when the folder is not there.
   */
  lock(path: string): ProcessLock | undefined
  /** Standard output and standard error become what `fd` is. Throws KernelError. */
  redirectOutput(fd: number): void
  /** Standard input becomes /dev/null. */
  closeInput(): void
  /**
   * Closes the descriptors above the standard ones that whoever started us left open: a program that we start would
   * inherit them, and whoever waits for the end of a pipe would wait for us. Node opens all of its own close-on-exec.
   */
  closeInherited(): void
  /** Synchronously, to standard output (1) or standard error (2). */
  print(fd: 1 | 2, text: string): void
}

export function createProcessControl(libc: Libc): ProcessControl {
  const flock = libc.func('int flock(int fd, int operation)')
  const dup2 = libc.func('int dup2(int source, int target)')
  const fcntl = libc.func('int fcntl(int fd, int command, int argument)')
  const redirect = (source: number, target: number): void => {
    if (source !== target && dup2(source, target) < 0) throw libc.error(`cannot redirect descriptor ${target}`)
  }
  return {
    lock(path) {
      for (;;) {
        // close-on-exec, as Node opens all files: a conmon that outlives us must not hold the lock
        const fd = openSync(path, 'a', 0o600)
        if (flock(fd, LOCK_EX | LOCK_NB) !== 0) {
          const failure = libc.error(`cannot lock ${path}`, path)
          closeSync(fd)
          if (failure.errno === 'EWOULDBLOCK' || failure.errno === 'EAGAIN') return undefined
          throw failure
        }
        // the holder before us may have deleted the file between our open and our lock: then we locked nothing
        if (statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino)
          return { release: () => closeSync(fd) }
        closeSync(fd)
      }
    },
    redirectOutput(fd) {
      redirect(fd, 1)
      redirect(fd, 2)
    },
    closeInput() {
      const nothing = openSync('/dev/null', 'r')
      redirect(nothing, 0)
      closeSync(nothing)
    },
    closeInherited() {
      for (const fd of readdirSync('/proc/self/fd').map(Number)) {
        const flags = fd > 2 ? Number(fcntl(fd, F_GETFD, 0)) : -1 // -1 too: it was the listing's own
        if (flags >= 0 && (flags & FD_CLOEXEC) === 0) closeSync(fd)
      }
    },
    print(fd, text) {
      try {
        writeSync(fd, text)
      } catch (error) {
        if (errnoOf(error) !== 'EPIPE') throw error // nobody listens any more
      }
    },
  }
}
