/**
 * What a volume may be called and made of. PURE. The options of the driver "local" are those of mount(8): `type` (any
 * block file system, nfs, cifs, tmpfs, none for a bind), `device` and `o`. Source: Docker Engine API v1.51, VolumeCreate;
 * docker-docs "docker volume create, driver-specific options"; man 8 mount, "Filesystem-independent mount options".
 */
import { isAbsolute, normalize } from 'node:path'
import type { VolumeCreateRequest } from '../../api/types/index.ts'
import { InvalidRequestError, UnsupportedError } from '../../errors.ts'
import {
  MS_BIND,
  MS_DIRSYNC,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_REC,
  MS_RELATIME,
  MS_STRICTATIME,
  MS_SYNCHRONOUS,
} from '../../host/mounts.ts'

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}$/
const KNOWN = new Set(['type', 'o', 'device', 'size'])

/** What a volume stands for. */
export type VolumeSource =
  /** A folder of our own. */
  | { readonly kind: 'folder' }
  /** A folder of the host, used as it is. */
  | { readonly kind: 'bind'; readonly path: string }
  /** Mounted on the volume's folder while a container uses it. */
  | {
      readonly kind: 'mount'
      readonly type: string
      readonly device: string
      /** MS_* bits. */
      readonly flags: number
      /** What is left for the file system itself. */
      readonly data: string
    }

/** MS_* bits that a word sets, and that it takes away. */
const WORDS: Readonly<Record<string, readonly [set: number, clear: number]>> = {
  defaults: [0, 0],
  ro: [MS_RDONLY, 0],
  rw: [0, MS_RDONLY],
  nosuid: [MS_NOSUID, 0],
  suid: [0, MS_NOSUID],
  nodev: [MS_NODEV, 0],
  dev: [0, MS_NODEV],
  noexec: [MS_NOEXEC, 0],
  exec: [0, MS_NOEXEC],
  sync: [MS_SYNCHRONOUS, 0],
  async: [0, MS_SYNCHRONOUS],
  dirsync: [MS_DIRSYNC, 0],
  noatime: [MS_NOATIME, 0],
  atime: [0, MS_NOATIME],
  nodiratime: [MS_NODIRATIME, 0],
  diratime: [0, MS_NODIRATIME],
  relatime: [MS_RELATIME, 0],
  norelatime: [0, MS_RELATIME],
  strictatime: [MS_STRICTATIME, 0],
  nostrictatime: [0, MS_STRICTATIME],
  bind: [MS_BIND, 0],
  rbind: [MS_BIND | MS_REC, 0],
}

/** @throws InvalidRequestError with docker's text. */
export function checkVolumeName(name: string): void {
  if (NAME.test(name)) return
  throw new InvalidRequestError(
    `${JSON.stringify(name)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed`,
    { code: 'VOLUME_NAME', hint: 'if you meant a host folder, write it as an absolute path or begin it with ./' },
  )
}

function invalid(message: string, hint?: string): InvalidRequestError {
  return new InvalidRequestError(message, { code: 'VOLUME_OPTIONS', hint })
}

/** @example parseMountWords("addr=nas,rw,nolock") -> { flags: 0, data: "addr=nas,nolock" } */
export function parseMountWords(text: string): { readonly flags: number; readonly data: string } {
  let flags = 0
  const data: string[] = []
  for (const word of text.split(',').filter(Boolean)) {
    const known = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined
    if (known === undefined) data.push(word)
    else flags = (flags | known[0]) & ~known[1]
  }
  return { flags, data: data.join(',') }
}

function checkOptions(options: Readonly<Record<string, string>>): void {
  const unknown = Object.keys(options).find((key) => !KNOWN.has(key))
  if (unknown !== undefined)
    throw invalid(
      `invalid option: ${JSON.stringify(unknown)}`,
      'the driver "local" has type, o and device, as mount(8)',
    )
  if (options['size'] !== undefined)
    throw new UnsupportedError('quota size requested but no quota support: volumes have no project quotas here', {
      code: 'VOLUME_OPTIONS',
      hint: 'for a limit in memory use type=tmpfs, device=tmpfs, o=size=100m; on disk a file system of its own (type, device)',
    })
  const { type = '', o = '', device = '' } = options
  const missing = type === '' ? 'type' : device === '' ? 'device' : undefined
  if (missing !== undefined && `${type}${o}${device}` !== '') throw invalid(`missing required option: "${missing}"`)
}

/**
 * What the volume is made of. Throws InvalidRequestError (VOLUME_OPTIONS), UnsupportedError (VOLUME_DRIVER).
 * @example volumeSource({ DriverOpts: { type: 'nfs', o: 'addr=10.0.0.2,ro', device: ':/export' } })
 */
export function volumeSource(request: Pick<VolumeCreateRequest, 'Driver' | 'DriverOpts'>): VolumeSource {
  const driver = request.Driver ?? ''
  if (driver !== '' && driver !== 'local')
    throw new UnsupportedError(`the volume driver ${JSON.stringify(driver)} is not available`, {
      code: 'VOLUME_DRIVER',
      hint: 'this engine has the driver "local" only',
    })
  const options = request.DriverOpts ?? {}
  checkOptions(options)
  const { type = '', o = '', device = '' } = options
  if (type === '') return { kind: 'folder' }
  const { flags, data } = parseMountWords(o)
  const isBind = (flags & MS_BIND) !== 0
  if ((type === 'none' || type === 'bind') && !isBind)
    throw invalid(
      `volume option type=${type} needs o=bind`,
      'for a folder of this machine: type=none, o=bind, device=/PATH',
    )
  if (isBind && !isAbsolute(device)) throw invalid(`volume option device=${device} must be an absolute path`)
  const isPlain = isBind && data === '' && (flags & ~(MS_BIND | MS_REC)) === 0
  if (isPlain) return { kind: 'bind', path: normalize(device) }
  return { kind: 'mount', type: isBind ? 'none' : type, device, flags, data }
}
