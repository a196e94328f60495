/**
 * System calls relative to an open folder (openat(2) and its family) through libc. Whoever holds the descriptor of a
 * folder and passes single names cannot be led astray by a symbolic link, whatever a container does meanwhile. Names
 * are byte strings: one character a byte ("latin1"), as file names need not be UTF-8. All sync; a call takes 1 to 3 µs.
 * Source: man 2 openat2, fchownat, utimensat, linkat; CVE-2021-32760 for why chmod by path is wrong.
 */
import * as fs from 'node:fs'
import { KernelError } from '../errors.ts'
import { createCopyContent, type CopyContent, type CopyLongContent } from './copy-content.ts'
import type { Libc } from './libc.ts'
import { createOpenAt2, type Resolution } from './openat2.ts'
import { createSpreadFolders, type SpreadFolders } from './spread-folders.ts'
import { createStatx, inodeOf, mtimeNsOf, type ScannedFile } from './statx.ts'

/** Each character is one byte (0..255). */
export type ByteString = string

export type FileKind = 'file' | 'folder' | 'symlink' | 'character' | 'block' | 'fifo' | 'socket'

export interface FileFacts {
  readonly kind: FileKind
  /** Permission bits with set-uid, set-gid, sticky: 0o0 to 0o7777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly sizeBytes: number
  readonly allocatedBytes: number
  readonly mtimeNs: bigint
  readonly linkCount: number
  /** Names the inode on this machine. */
  readonly inode: string
  /** Of a device node. */
  readonly major: number
  readonly minor: number
}

/** "False when taken": the call did nothing because something of that name is there. All else throws KernelError. */
export interface At {
  /** Opens a folder of the host by its path. */
  openRoot(path: string): number
  /** Opens the folder `path` (may have several parts) below `folder`. Throws KernelError (ELOOP, ENOTDIR, ENOENT). */
  openFolder(folder: number, path: ByteString, resolution: Resolution): number
  /** Opens a regular file to read it; a link, device or pipe is a KernelError (ELOOP, EINVAL). */
  openFile(folder: number, name: ByteString): number
  /** The same, with what it is. */
  openScanned(folder: number, name: ByteString): { readonly fd: number; readonly file: ScannedFile }
  /** A new regular file, open to write; undefined when the name is taken. */
  createFile(folder: number, name: ByteString, mode: number): number | undefined
  close(fd: number): void
  read(fd: number, buffer: Uint8Array): number
  /** Writes all of `bytes`, at `position` or where the last write ended. */
  write(fd: number, bytes: Uint8Array, position?: number): void
  truncate(fd: number, sizeBytes: number): void
  /** All of the file `from` into the empty file `to`. Throws KernelError. */
  copyContent: CopyContent
  /** The same without keeping others waiting. */
  copyLongContent: CopyLongContent
  chownOpen(fd: number, uid: number, gid: number): void
  chmodOpen(fd: number, mode: number): void
  setTimesOpen(fd: number, mtimeNs: bigint): void
  /** False when taken. */
  makeFolder(folder: number, name: ByteString, mode: number): boolean
  /** False when taken. */
  makeSymlink(folder: number, name: ByteString, target: ByteString): boolean
  /** A hard link; a symbolic link is linked itself. False when taken. */
  makeLink(fromFolder: number, fromName: ByteString, folder: number, name: ByteString): boolean
  /** `mode` with the type bits. False when taken. */
  makeNode(folder: number, name: ByteString, mode: number, major: number, minor: number): boolean
  /** These three never follow a link. */
  chown(folder: number, name: ByteString, uid: number, gid: number): void
  chmod(folder: number, name: ByteString, mode: number): void
  setTimes(folder: number, name: ByteString, mtimeNs: bigint): void
  /** Removes it with all that is in it. False when there was nothing. */
  remove(folder: number, name: ByteString): boolean
  /** Undefined when there is nothing. `name` may be ".". */
  stat(folder: number, name: ByteString): FileFacts | undefined
  /** Sorted by bytes. */
  names(folder: number): ByteString[]
  readlink(folder: number, name: ByteString): ByteString
  /** Sorted; empty where the file system has none. */
  xattrNames(folder: number, name: ByteString): ByteString[]
  /** The same of an open file: a third of the time. */
  xattrNamesOpen(fd: number): ByteString[]
  /** Undefined when it is not there. */
  xattr(folder: number, name: ByteString, attribute: ByteString): Buffer | undefined
  setXattr(folder: number, name: ByteString, attribute: ByteString, value: Uint8Array): void
  removeXattr(folder: number, name: ByteString, attribute: ByteString): void
  /** Folders that will be made in `path` have nothing to do with each other: a hint for the file system. */
  readonly spreadFolders: SpreadFolders
  /** Waits until all of the file system that holds `path` is on the disk; on a worker thread. */
  syncFileSystem(path: string): Promise<void>
}

const O_CLOEXEC = 0o2000000
const O_PATH = 0o10000000
const AT_SYMLINK_NOFOLLOW = 0x100
const AT_REMOVEDIR = 0x200
const AT_EMPTY_PATH = 0x1000
const MAX_XATTR_BYTES = 65536
const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_DIRECTORY, O_NONBLOCK } = fs.constants

const cString = (text: ByteString): Buffer => Buffer.from(`${text}\0`, 'latin1')
/** For Node's own calls; the last name is not followed by any call used here. */
const procPath = (folder: number, name: ByteString): Buffer => Buffer.from(`/proc/self/fd/${folder}/${name}`, 'latin1')
const shown = (name: ByteString): string => Buffer.from(name, 'latin1').toString('utf8')

/** Both times of utimensat(2) are the time of change: nobody needs another time of access. */
function timesOf(mtimeNs: bigint): Buffer {
  const times = Buffer.alloc(32)
  let seconds = mtimeNs / 1_000_000_000n
  let rest = mtimeNs % 1_000_000_000n
  if (rest < 0n) {
    seconds -= 1n
    rest += 1_000_000_000n
  }
  for (const offset of [0, 16]) {
    times.writeBigInt64LE(seconds, offset)
    times.writeBigInt64LE(rest, offset + 8)
  }
  return times
}

/** The real one. */
export function createAt(libc: Libc): At {
  const openat2 = createOpenAt2(libc)
  const statx = createStatx(libc)
  const openat = libc.func('int openat(int dirFd, const uint8_t *path, int flags, uint mode)')
  const mkdirat = libc.func('int mkdirat(int dirFd, const uint8_t *path, uint mode)')
  const symlinkat = libc.func('int symlinkat(const uint8_t *target, int dirFd, const uint8_t *path)')
  const linkat = libc.func('int linkat(int fromFd, const uint8_t *from, int dirFd, const uint8_t *path, int flags)')
  const mknodat = libc.func('int mknodat(int dirFd, const uint8_t *path, uint mode, uint64_t device)')
  const unlinkat = libc.func('int unlinkat(int dirFd, const uint8_t *path, int flags)')
  const fchownat = libc.func('int fchownat(int dirFd, const uint8_t *path, uint uid, uint gid, int flags)')
  const utimensat = libc.func('int utimensat(int dirFd, const uint8_t *path, const uint8_t *times, int flags)')
  const listxattr = libc.func('int64_t llistxattr(const uint8_t *path, uint8_t *list, size_t size)')
  const flistxattr = libc.func('int64_t flistxattr(int fd, uint8_t *list, size_t size)')
  const getxattr = libc.func('int64_t lgetxattr(const uint8_t *path, const uint8_t *name, uint8_t *value, size_t size)')
  const setxattr = libc.func(
    'int lsetxattr(const uint8_t *path, const uint8_t *name, const uint8_t *value, size_t size, int flags)',
  )
  const removexattr = libc.func('int lremovexattr(const uint8_t *path, const uint8_t *name)')
  const syncfs = libc.func('int syncfs(int fd)')
  const scratch = Buffer.alloc(MAX_XATTR_BYTES)
  const empty = cString('')
  const xattrPath = (folder: number, name: ByteString): Buffer => cString(`/proc/self/fd/${folder}/${name}`)

  /** True for success, false when the name is taken. */
  function made(result: number, what: string, name: ByteString): boolean {
    if (result === 0) return true
    if (libc.errno() === 'EEXIST') return false
    throw libc.error(`cannot make the ${what} ${shown(name)}`, shown(name))
  }

  function check(result: number, what: string, name: ByteString): void {
    if (result !== 0) throw libc.error(`cannot ${what} ${shown(name)}`, shown(name))
  }

  function openAt(folder: number, name: ByteString, flags: number, mode = 0): number {
    const fd = openat(folder, cString(name), flags | O_CLOEXEC, mode) as number
    if (fd < 0) throw libc.error(`cannot open ${shown(name)}`, shown(name))
    return fd
  }

  function names(folder: number): ByteString[] {
    const list = fs.readdirSync(`/proc/self/fd/${folder}`, { encoding: 'latin1' })
    return list.toSorted() // UTF-16 order is byte order here: all are below 256
  }

  function remove(folder: number, name: ByteString): boolean {
    if (unlinkat(folder, cString(name), 0) === 0) return true
    const errno = libc.errno()
    if (errno === 'ENOENT') return false
    if (errno !== 'EISDIR' && errno !== 'EPERM') throw libc.error(`cannot remove ${shown(name)}`, shown(name))
    const inner = openAt(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    try {
      for (const child of names(inner)) remove(inner, child)
    } finally {
      fs.closeSync(inner)
    }
    check(unlinkat(folder, cString(name), AT_REMOVEDIR), 'remove', name)
    return true
  }

  function openScanned(folder: number, name: ByteString): { readonly fd: number; readonly file: ScannedFile } {
    const fd = openAt(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    const file = statx(fd, '')
    if (file?.kind === 'file') return { fd, file }
    fs.closeSync(fd)
    throw new KernelError(`${shown(name)} is no regular file`, { errno: 'EINVAL', path: shown(name) })
  }

  /** `length`: what listxattr(2) said, with the names in `scratch`. */
  function attributeNames(length: number, name: ByteString): ByteString[] {
    if (length === 0) return []
    if (length > 0) return scratch.toString('latin1', 0, length).split('\0').filter(Boolean).toSorted()
    if (['ENOTSUP', 'EOPNOTSUPP'].includes(libc.errno())) return []
    throw libc.error(`cannot list the attributes of ${shown(name)}`, shown(name))
  }

  return {
    openRoot: (path) => fs.openSync(path, O_RDONLY | O_DIRECTORY),
    openFolder: (folder, path, resolution) =>
      openat2(folder, cString(path === '' ? '.' : path), {
        flags: O_RDONLY | O_DIRECTORY,
        resolution,
        failure: () => libc.error(`cannot open the folder ${shown(path)}`, shown(path)),
      }),
    openFile: (folder, name) => openScanned(folder, name).fd,
    openScanned,
    createFile(folder, name, mode) {
      const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
      const fd = openat(folder, cString(name), flags, mode) as number
      if (fd >= 0) return fd
      if (libc.errno() === 'EEXIST') return undefined
      throw libc.error(`cannot make the file ${shown(name)}`, shown(name))
    },
    close: (fd) => fs.closeSync(fd),
    read: (fd, buffer) => fs.readSync(fd, buffer, 0, buffer.length, null),
    write(fd, bytes, position) {
      let done = 0
      while (done < bytes.length)
        done += fs.writeSync(fd, bytes, done, bytes.length - done, position === undefined ? null : position + done)
    },
    truncate: (fd, sizeBytes) => fs.ftruncateSync(fd, sizeBytes),
    ...createCopyContent(libc),
    chownOpen: (fd, uid, gid) => fs.fchownSync(fd, uid, gid),
    chmodOpen: (fd, mode) => fs.fchmodSync(fd, mode),
    setTimesOpen: (fd, mtimeNs) => check(utimensat(fd, empty, timesOf(mtimeNs), AT_EMPTY_PATH), 'set the times of', ''),
    makeFolder: (folder, name, mode) => made(mkdirat(folder, cString(name), mode), 'folder', name),
    makeSymlink: (folder, name, target) => made(symlinkat(cString(target), folder, cString(name)), 'link', name),
    makeLink: (fromFolder, fromName, folder, name) =>
      made(linkat(fromFolder, cString(fromName), folder, cString(name), 0), 'hard link', name),
    makeNode(folder, name, mode, major, minor) {
      const device =
        (BigInt(major & 0xfff) << 8n) |
        BigInt(minor & 0xff) |
        (BigInt(minor & ~0xff) << 12n) |
        (BigInt(major & ~0xfff) << 32n)
      return made(mknodat(folder, cString(name), mode, device), 'node', name)
    },
    chown: (folder, name, uid, gid) =>
      check(fchownat(folder, cString(name), uid, gid, AT_SYMLINK_NOFOLLOW), 'change the owner of', name),
    chmod(folder, name, mode) {
      const fd = openAt(folder, name, O_PATH | O_NOFOLLOW)
      try {
        fs.chmodSync(`/proc/self/fd/${fd}`, mode)
      } finally {
        fs.closeSync(fd)
      }
    },
    setTimes: (folder, name, mtimeNs) =>
      check(utimensat(folder, cString(name), timesOf(mtimeNs), AT_SYMLINK_NOFOLLOW), 'set the times of', name),
    remove,
    stat(folder, name) {
      const file = statx(folder, name)
      if (file === undefined) return undefined
      const { kind, mode, uid, gid, sizeBytes, allocatedBytes, linkCount, major, minor } = file
      const [mtimeNs, inode] = [mtimeNsOf(file), inodeOf(file)]
      return { kind, mode, uid, gid, sizeBytes, allocatedBytes, mtimeNs, linkCount, inode, major, minor }
    },
    names,
    readlink: (folder, name) => fs.readlinkSync(procPath(folder, name), { encoding: 'latin1' }),
    xattrNames: (folder, name) =>
      attributeNames(Number(listxattr(xattrPath(folder, name), scratch, scratch.length)), name),
    xattrNamesOpen: (fd) => attributeNames(Number(flistxattr(fd, scratch, scratch.length)), `file ${fd}`),
    xattr(folder, name, attribute) {
      const length = Number(getxattr(xattrPath(folder, name), cString(attribute), scratch, scratch.length))
      if (length >= 0) return Buffer.from(scratch.subarray(0, length))
      if (['ENODATA', 'ENOTSUP', 'EOPNOTSUPP'].includes(libc.errno())) return undefined
      throw libc.error(`cannot read ${shown(attribute)} of ${shown(name)}`, shown(name))
    },
    setXattr: (folder, name, attribute, value) =>
      check(
        setxattr(xattrPath(folder, name), cString(attribute), value, value.length, 0),
        `set ${shown(attribute)} of`,
        name,
      ),
    removeXattr: (folder, name, attribute) =>
      check(removexattr(xattrPath(folder, name), cString(attribute)), `remove ${shown(attribute)} of`, name),
    spreadFolders: createSpreadFolders(libc),
    async syncFileSystem(path) {
      const fd = fs.openSync(path, O_RDONLY | O_DIRECTORY)
      try {
        await new Promise<void>((resolve, reject) => {
          syncfs.async(fd, (error: Error | null, result: number) => {
            if (error !== null) reject(error)
            else if (result === 0) resolve()
            else reject(libc.error(`cannot sync the file system of ${path}`, path))
          })
        })
      } finally {
        fs.closeSync(fd)
      }
    },
  }
}
