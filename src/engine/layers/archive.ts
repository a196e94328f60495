/**
 * docker cp: a tar unpacked into a running or stopped container's root, and a tar of a path inside it. The tree belongs
 * to the container, which may change it meanwhile: every path is resolved inside the root by openat2, links included,
 * and worked on by descriptors, so nothing leads to the host. Source: Engine API "archive of a container's path";
 * CVE-2018-15664, CVE-2019-14271.
 */
import { Readable } from 'node:stream'
import { createPacker } from './pack.ts'
import { decompress } from './decompress.ts'
import { feedTar } from './feed.ts'
import { printable } from './tar-entry.ts'
import { openTarget } from './target.ts'
import { InvalidRequestError, NotFoundError, errnoOf } from '../../errors.ts'
import type { ByteString, FileFacts, FileKind } from '../../host/at.ts'
import type { Host } from '../../host/host.ts'

export interface UnpackIntoOptions {
  /** Refuse to replace a folder by something else or the other way round (query noOverwriteDirNonDir). */
  readonly keepKinds?: boolean
  /** The entry "./" sets owner, mode and times of the folder itself; else it stays as it is, as docker cp has it. */
  readonly setsRoot?: boolean
  /** Whose everything becomes, instead of the owners in the tar. */
  readonly owner?: { readonly uid: number; readonly gid: number }
  readonly signal?: AbortSignal
}

/** The value of the header X-Docker-Container-Path-Stat, before base64. */
export interface PathStat {
  readonly name: string
  readonly size: number
  /** Go's FileMode: permission bits, and type bits of Go's own. */
  readonly mode: number
  /** RFC 3339. */
  readonly mtime: string
  /** Of a symbolic link: where it leads inside the root; else "". */
  readonly linkTarget: string
}

const bytesOf = (path: string): ByteString => Buffer.from(path, 'utf8').toString('latin1')

const GO_KIND_BITS: Readonly<Record<FileKind, number>> = {
  file: 0,
  folder: 2 ** 31,
  symlink: 2 ** 27,
  block: 2 ** 26,
  fifo: 2 ** 25,
  socket: 2 ** 24,
  character: 2 ** 26 + 2 ** 21,
}

/** Go's os.FileMode of a file. */
export function goFileMode(kind: FileKind, mode: number): number {
  const special = (mode & 0o4000 ? 2 ** 23 : 0) + (mode & 0o2000 ? 2 ** 22 : 0) + (mode & 0o1000 ? 2 ** 20 : 0)
  return (mode & 0o777) + special + GO_KIND_BITS[kind]
}

/** base64 of the JSON that the docker CLI reads. */
export function encodePathStat(stat: PathStat): string {
  return Buffer.from(JSON.stringify(stat)).toString('base64')
}

/**
 * The folder and the last name of an absolute path. "/a/b/" and "/a/b/." mean what b leads to, "/a/b" b itself: then
 * `name` is ".".
 */
function splitPath(path: string): { parent: ByteString; name: ByteString; shownName: string } {
  if (path.includes('\0')) throw new InvalidRequestError('a path inside the container holds a NUL byte')
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  const last = parts.at(-1)
  const follows = last === undefined || last === '..' || path.endsWith('/') || path.endsWith('/.') || path === '.'
  if (follows)
    return { parent: bytesOf(`/${parts.join('/')}`), name: '.', shownName: path.endsWith('/.') ? '.' : (last ?? '/') }
  return { parent: bytesOf(`/${parts.slice(0, -1).join('/')}`), name: bytesOf(last), shownName: last }
}

/** Throws NotFoundError with docker's text, or with the code NOT_A_FOLDER. */
function openInside(host: Host, root: string, folder: ByteString, path: string): number {
  const rootFd = host.at.openRoot(root)
  try {
    return host.at.openFolder(rootFd, folder, 'within')
  } catch (cause) {
    const errno = errnoOf(cause)
    if (errno === 'ENOTDIR')
      throw new NotFoundError(`${path} in the container is no folder`, { code: 'NOT_A_FOLDER', cause })
    if (errno === 'ENOENT' || errno === 'ELOOP')
      throw new NotFoundError(`Could not find the file ${path} in container`, { cause })
    throw cause
  } finally {
    host.at.close(rootFd)
  }
}

function toPathStat(host: Host, folder: number, name: ByteString, shownName: string, facts: FileFacts): PathStat {
  const linkTarget = facts.kind === 'symlink' ? printable(host.at.readlink(folder, name)) : ''
  const mtime = new Date(Number(facts.mtimeNs / 1_000_000n)).toISOString()
  return { name: shownName, size: facts.sizeBytes, mode: goFileMode(facts.kind, facts.mode), mtime, linkTarget }
}

/** What is at `path` inside `root`. A last symbolic link is not followed unless the path ends in "/" or "/.". */
export function statPath(host: Host, root: string, path: string): PathStat {
  const { parent, name, shownName } = splitPath(path)
  const folder = openInside(host, root, parent, path)
  try {
    const facts = host.at.stat(folder, name)
    if (facts === undefined) throw new NotFoundError(`Could not find the file ${path} in container`)
    return toPathStat(host, folder, name, shownName, facts)
  } finally {
    host.at.close(folder)
  }
}

/**
 * Unpacks `tar` (plain, gzip or zstd) into the folder `path` inside `root`, which must exist. `root` may be any path of
 * the host: a mounted root file system, or "/proc/PID/root" of a running container, whose volumes are then seen too.
 * Throws TAR_INVALID, NotFoundError, InvalidRequestError. What was unpacked before a failure stays.
 */
export async function unpackInto(
  host: Host,
  root: string,
  path: string,
  tar: Readable,
  options: UnpackIntoOptions = {},
): Promise<void> {
  const folder = openInside(host, root, bytesOf(`/${path}`), path)
  const { keepKinds = false, setsRoot = false, owner, signal } = options
  const target = openTarget(host.at, folder, {
    resolution: 'within',
    keepKinds,
    setsRoot,
    ...(owner === undefined ? {} : { owner }),
  })
  try {
    const source = await decompress(tar)
    await feedTar(source, target.sink, signal === undefined ? {} : { signal })
    target.finish()
  } finally {
    target.close()
    host.at.close(folder)
  }
}

/**
 * A tar of `path` inside `root`: entries begin with the last name of the path. A last symbolic link is packed as a link
 * unless the path ends in "/" or "/.". `tar` must be read or destroyed. Throws NotFoundError.
 */
export function packFrom(host: Host, root: string, path: string): { readonly stat: PathStat; readonly tar: Readable } {
  const { parent, name, shownName } = splitPath(path)
  const folder = openInside(host, root, parent, path)
  try {
    const facts = host.at.stat(folder, name)
    if (facts === undefined) throw new NotFoundError(`Could not find the file ${path} in container`)
    const stat = toPathStat(host, folder, name, shownName, facts)
    const prefix = shownName === '/' || shownName === '..' ? '.' : bytesOf(shownName)
    const packer = createPacker(host.at, { whiteouts: false })
    const chunks = packer.pack(folder, [{ name, path: prefix }])
    const tar = Readable.from(chunks, { objectMode: false })
    tar.once('close', () => host.at.close(folder))
    return { stat, tar }
  } catch (error) {
    host.at.close(folder)
    throw error
  }
}
