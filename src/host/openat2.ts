/**
 * openat2(2): opens a path below a folder without ever leaving it, whatever links lie on the way or are swapped in at the
 * last moment. The base of at.ts (one name at a time) and rooted.ts (paths of a container). Source: man 2 openat2
 * (Linux 5.6), CVE-2018-15664.
 */
import type { KernelError } from '../errors.ts'
import type { Libc } from './libc.ts'

/**
 * `no-links`: a symbolic link on the way is an error; `within`: links are followed as after chroot(2); `beneath`: links
 * are followed, and one that leads out is an error (EXDEV).
 */
export type Resolution = 'no-links' | 'within' | 'beneath'

export interface OpenWish {
  /** O_* of node:fs constants; O_CLOEXEC is added. */
  readonly flags: number
  /** Of a file that is made. */
  readonly mode?: number
  readonly resolution: Resolution
  /** Makes the error from errno: "cannot open the folder a/b: ELOOP". */
  readonly failure: () => KernelError
}

/** `path` as bytes, ending in NUL. The result is the descriptor. Throws `failure`. */
export type OpenAt2 = (folder: number, path: Uint8Array, wish: OpenWish) => number

const SYS_OPENAT2 = 437
const HOW_BYTES = 24
const O_CLOEXEC = 0o2000000
const RESOLVE_NO_MAGICLINKS = 0x02
const RESOLVE_NO_SYMLINKS = 0x04
const RESOLVE_BENEATH = 0x08
const RESOLVE_IN_ROOT = 0x10
const RESOLVE: Readonly<Record<Resolution, number>> = {
  'no-links': RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
  within: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
  beneath: RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
}
/** It answers EAGAIN when something was renamed meanwhile and it cannot be sure: asked again. */
const ATTEMPTS = 64

export function createOpenAt2(libc: Libc): OpenAt2 {
  const syscall = libc.func(
    'long syscall(long number, long dirFd, const uint8_t *path, const uint8_t *how, size_t size)',
  )
  return (folder, path, { flags, mode = 0, resolution, failure }) => {
    const how = Buffer.alloc(HOW_BYTES)
    how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0)
    how.writeBigUInt64LE(BigInt(mode), 8)
    how.writeBigUInt64LE(BigInt(RESOLVE[resolution]), 16)
    for (let attempt = 1; ; attempt += 1) {
      const fd = Number(syscall(SYS_OPENAT2, folder, path, how, how.length))
      if (fd >= 0) return fd
      if (libc.errno() !== 'EAGAIN' || attempt === ATTEMPTS) throw failure()
    }
  }
}
