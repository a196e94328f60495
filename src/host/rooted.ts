/**
 * Opening paths that a container may have prepared: openat2(2) with RESOLVE_IN_ROOT treats the given folder as "/",
 * so that neither "..", nor absolute links, nor a link swapped in at the last moment leads out. Further names are then
 * reached as /proc/self/fd/N/name. Source: man 2 openat2 (Linux 5.6).
 */
import { constants, closeSync, openSync } from 'node:fs'
import type { Libc } from './libc.ts'

export interface Rooted {
  /**
   * The descriptor of `path` inside `root`; links are followed, within. `flags`: O_* of node:fs constants, O_CLOEXEC
   * is added. Throws KernelError (ENOENT, ELOOP, ENOTDIR, ...).
   */
  open(root: string, path: string, flags: number, mode?: number): number
}

const SYS_OPENAT2 = 437
const O_CLOEXEC = 0o2000000
const RESOLVE_NO_MAGICLINKS = 0x02n
const RESOLVE_IN_ROOT = 0x10n
/** openat2 answers EAGAIN when something was renamed meanwhile and it cannot be sure: asked again. */
const ATTEMPTS = 64

export function createRooted(libc: Libc): Rooted {
  const syscall = libc.func('long syscall(long number, long dirFd, const char *path, const uint8_t *how, size_t size)')
  return {
    open(root, path, flags, mode = 0) {
      const how = Buffer.alloc(24)
      how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0)
      how.writeBigUInt64LE(BigInt(mode), 8)
      how.writeBigUInt64LE(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, 16)
      const rootFd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY)
      try {
        for (let attempt = 1; ; attempt += 1) {
          const fd = Number(syscall(SYS_OPENAT2, rootFd, path === '' ? '.' : path, how, how.length))
          if (fd >= 0) return fd
          const failure = libc.error(`cannot open ${path} inside ${root}`, path)
          if (failure.errno !== 'EAGAIN' || attempt === ATTEMPTS) throw failure
        }
      } finally {
        closeSync(rootFd)
      }
    },
  }
}
