/**
 * statx(2) relative to an open folder, into one buffer that is kept: what a walk over tens of thousands of files asks of
 * each, in about 2 µs instead of the 8 of Node's lstat with nanoseconds. Sync. Source: man 2 statx.
 */
import type { ByteString, FileKind } from './at.ts'
import type { Libc } from './libc.ts'

export interface ScannedFile {
  readonly kind: FileKind
  /** Permission bits with set-uid, set-gid, sticky: 0o0 to 0o7777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly sizeBytes: number
  readonly allocatedBytes: number
  readonly linkCount: number
  /** Of a device node. */
  readonly major: number
  readonly minor: number
  /** Since 1970, rounded down; the rest is `mtimeNanoseconds`. (One bigint a file would be felt.) */
  readonly mtimeSeconds: number
  readonly mtimeNanoseconds: number
  /** Of the last change to content or metadata. */
  readonly ctimeMs: number
  /**
   * Inode, size, times of metadata and of content, device: 48 bytes. Where it is the same the file has not been touched,
   * unless within the grain of the clock of its file system.
   */
  readonly identity: string
}

/** Bytes of an identity. */
export const IDENTITY_BYTES = 48

/** The inode on this machine: the same for hard links. */
export function inodeOf({ identity }: ScannedFile): string {
  return identity.slice(0, 8) + identity.slice(40)
}

export function mtimeNsOf({ mtimeSeconds, mtimeNanoseconds }: ScannedFile): bigint {
  return BigInt(mtimeSeconds) * 1_000_000_000n + BigInt(mtimeNanoseconds)
}

export interface Statx {
  /** Links are not followed; `name` may be "" for `folder` itself, which may then be any file. Undefined: nothing there. */
  (folder: number, name: ByteString): ScannedFile | undefined
}

const AT_SYMLINK_NOFOLLOW = 0x100
const AT_NO_AUTOMOUNT = 0x800
const AT_EMPTY_PATH = 0x1000
const STATX_BASIC_STATS = 0x7ff
const BYTES = 256
const KINDS: ReadonlyMap<number, FileKind> = new Map([
  [0o100000, 'file'],
  [0o040000, 'folder'],
  [0o120000, 'symlink'],
  [0o020000, 'character'],
  [0o060000, 'block'],
  [0o010000, 'fifo'],
  [0o140000, 'socket'],
])

/** Where the parts of an identity stand in struct statx, in words of 4 bytes: see man 2 statx. */
const IDENTITY_WORDS = [8, 9, 10, 11, 24, 25, 26, 28, 29, 30, 34, 35] as const
const MAX_NAME_BYTES = 4096
const HIGH = 2 ** 32

export function createStatx(libc: Libc): Statx {
  const statx = libc.func('int statx(int dirFd, const uint8_t *path, int flags, uint mask, uint8_t *into)')
  const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH
  const path = Buffer.alloc(MAX_NAME_BYTES + 1)
  const words = new Int32Array(BYTES / 4)
  const into = Buffer.from(words.buffer)
  const identityWords = new Int32Array(IDENTITY_BYTES / 4)
  const identity = Buffer.from(identityWords.buffer)
  const word = (index: number): number => words[index] ?? 0
  const unsigned = (index: number): number => word(index) >>> 0

  return (folder, name) => {
    path[path.write(name.slice(0, MAX_NAME_BYTES), 'latin1')] = 0
    if (statx(folder, path, flags, STATX_BASIC_STATS, into) !== 0) {
      const shown = Buffer.from(name, 'latin1').toString('utf8')
      if (libc.errno() === 'ENOENT') return undefined
      throw libc.error(`cannot look at ${shown}`, shown)
    }
    for (let index = 0; index < IDENTITY_WORDS.length; index += 1)
      identityWords[index] = word(IDENTITY_WORDS[index] ?? 0)
    const type = word(7) & 0xffff
    return {
      kind: KINDS.get(type & 0o170000) ?? 'socket',
      mode: type & 0o7777,
      uid: unsigned(5),
      gid: unsigned(6),
      linkCount: unsigned(4),
      sizeBytes: unsigned(10) + unsigned(11) * HIGH,
      allocatedBytes: (unsigned(12) + unsigned(13) * HIGH) * 512,
      major: unsigned(32),
      minor: unsigned(33),
      mtimeSeconds: unsigned(28) + word(29) * HIGH,
      mtimeNanoseconds: unsigned(30),
      ctimeMs: (unsigned(24) + word(25) * HIGH) * 1000 + Math.floor(unsigned(26) / 1e6),
      identity: identity.toString('latin1'),
    }
  }
}
