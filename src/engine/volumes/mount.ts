/**
 * The mount behind a volume of another file system: made when the first container needs it, gone with the last one.
 * Network file systems want an address where people write a name: mount(8) and its helpers look it up, the kernel does not.
 * Source: man 2 mount, man 5 nfs ("addr="), man 8 mount.cifs.
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { VolumeSource } from './options.ts'
import { MycomposeError, errnoOf } from '../../errors.ts'
import type { Host } from '../../host/host.ts'
import { MS_BIND, MS_REC, MS_REMOUNT } from '../../host/mounts.ts'

export type MountedSource = Extract<VolumeSource, { kind: 'mount' }>

const NETWORK_TYPES = new Set(['nfs', 'nfs4', 'cifs', 'smb3'])
const PACKAGES: Readonly<Record<string, string>> = {
  nfs: 'nfs-common',
  nfs4: 'nfs-common',
  cifs: 'cifs-utils',
  smb3: 'cifs-utils',
}

/** "addr=nas,soft" -> "addr=192.0.2.7,soft". */
async function withAddress(data: string): Promise<string> {
  const words = data.split(',')
  const index = words.findIndex((word) => word.startsWith('addr='))
  const name = words[index]?.slice('addr='.length) ?? ''
  if (index === -1 || isIP(name) !== 0) return data
  try {
    const { address } = await lookup(name)
    return words.with(index, `addr=${address}`).join(',')
  } catch (cause) {
    throw new MycomposeError(`error resolving passed in network volume address ${JSON.stringify(name)}`, {
      code: 'VOLUME_MOUNT',
      hint: 'give the address of the server: o=addr=192.0.2.7',
      cause,
    })
  }
}

function hintFor({ type, device }: MountedSource, errno: string | undefined): string | undefined {
  switch (errno ?? '') {
    case 'ENODEV':
      return `the kernel does not know ${type}: modprobe ${type}${PACKAGES[type] === undefined ? '' : `; apt-get install ${PACKAGES[type]}`}`
    case 'ENOENT':
      return device.startsWith('/') ? `${device} is not there` : undefined
    case 'ENOTBLK':
      return `${device} is no block device; a file is mounted by way of losetup(8)`
    case 'EINVAL':
      return 'the file system refuses an option of "o", or the device holds another file system; see dmesg'
    case 'ECONNREFUSED':
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'the server does not answer: is it up, is its address right, does a firewall lie between?'
    case 'EACCES':
      return 'the server does not export this path to this machine'
    default:
      return undefined
  }
}

/** Mounts it on `target`. Throws MycomposeError VOLUME_MOUNT that says what to do. */
export async function mountVolume(host: Host, name: string, source: MountedSource, target: string): Promise<void> {
  const { type, device, flags } = source
  const data = NETWORK_TYPES.has(type) ? await withAddress(source.data) : source.data
  const isBind = (flags & MS_BIND) !== 0
  try {
    host.mounts.mount({ source: device, target, type, flags: isBind ? flags & (MS_BIND | MS_REC) : flags, data })
  } catch (cause) {
    const errno = errnoOf(cause)
    const shown = data === '' ? '' : ` (o=${data})`
    throw new MycomposeError(`failed to mount local volume ${name}: mount ${type} ${device}${shown}: ${errno}`, {
      code: 'VOLUME_MOUNT',
      hint: hintFor(source, errno),
      cause,
    })
  }
  // other flags of a bind count only when it is mounted again
  const rest = flags & ~(MS_BIND | MS_REC)
  if (!isBind || rest === 0) return
  try {
    host.mounts.mount({ source: 'none', target, flags: MS_REMOUNT | MS_BIND | rest })
  } catch (error) {
    host.mounts.umount(target)
    throw error
  }
}
