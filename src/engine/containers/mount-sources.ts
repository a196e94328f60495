/**
 * What a container's mounts are bound from, made ready at its start and let go at its end: volumes that have to be mounted
 * themselves, images, folders inside of either. A path inside is opened below its root and bound by its descriptor to
 * containers/<id>/mounts/<n>: the runtime is never handed a path that another container could swap for a link meanwhile.
 * Source: CVE-2017-1002101, CVE-2021-30465, CVE-2023-2253 (subPath); moby volume/mounts; kernel sharedsubtree.rst.
 */
import { join } from 'node:path'
import { InvalidRequestError, errnoOf } from '../../errors.ts'
import type { Host } from '../../host/host.ts'
import { MS_BIND, MS_REC } from '../../host/mounts.ts'
import { openFlags } from '../../host/rooted.ts'
import type { ContainerDocument, MountRecord } from '../../state/containers.ts'
import { mountPointsBelow, unmount } from '../layers/mount-points.ts'
import type { ContainersContext } from './context.ts'
import { containerFolder } from './folders.ts'

const MOUNTINFO = '/proc/self/mountinfo'

/** A mount as the OCI spec wants it: everything but a tmpfs has a source. */
export type SourcedMount = Exclude<MountRecord, { kind: 'image' }>

/** Binds `path` inside of `root` to `target`, which is made. Throws InvalidRequestError when there is none. */
function bindInside({ host }: ContainersContext, root: string, path: string, target: string): void {
  const { rooted, files, mounts } = host
  let fd: number
  try {
    fd = rooted.open(root, path, openFlags.O_RDONLY | openFlags.O_NONBLOCK)
  } catch (cause) {
    if (!['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(cause) ?? '')) throw cause
    throw new InvalidRequestError(`cannot access path in volume: subpath ${JSON.stringify(path)} does not exist`, {
      code: 'MOUNT_SUBPATH',
      cause,
    })
  }
  try {
    const source = `/proc/self/fd/${fd}`
    if (files.existsSync(`${source}/.`)) rooted.makeFolders('/', target, 0o700)
    else files.writeTextSync(target, '')
    mounts.mount({ source, target, flags: MS_BIND | MS_REC })
  } finally {
    rooted.close(fd)
  }
}

/** The propagation of the mount that `path` lies on: the optional fields of mountinfo. PURE. */
export function propagationOf(mountinfo: string, path: string): { readonly point: string; readonly fields: string } {
  let best = { point: '', fields: '' }
  for (const line of mountinfo.split('\n')) {
    const words = line.split(' ')
    const point = words[4] ?? ''
    const isAbove = point === '/' || path === point || path.startsWith(`${point}/`)
    if (point === '' || !isAbove || point.length < best.point.length) continue
    best = { point, fields: words.slice(6, words.indexOf('-', 6)).join(' ') }
  }
  return best
}

/** A bind that is to pass mounts on needs a source that does. Throws InvalidRequestError with docker's text. */
function checkPropagation(
  { host }: ContainersContext,
  { source, propagation }: { source: string; propagation: string },
) {
  if (!propagation.endsWith('shared') && !propagation.endsWith('slave')) return
  const { point, fields } = propagationOf(host.files.readTextSync(MOUNTINFO) ?? '', source)
  const isShared = fields.includes('shared:')
  if (isShared || (propagation.endsWith('slave') && fields.includes('master:'))) return
  const wanted = propagation.endsWith('slave') ? 'shared or slave' : 'shared'
  throw new InvalidRequestError(`path ${source} is mounted on ${point} but it is not a ${wanted} mount`, {
    code: 'BIND_PROPAGATION',
    hint: `mount --make-shared ${point}`,
  })
}

/** The mounts with sources that can be bound now. What was made is undone by releaseSources. */
export async function provideSources(
  context: ContainersContext,
  document: ContainerDocument,
  rootfs: string,
): Promise<SourcedMount[]> {
  const { id } = document
  const folder = join(containerFolder(context.config, id).folder, 'mounts')
  const provided: SourcedMount[] = []
  for (const [index, mount] of document.mounts.entries()) {
    const own = join(folder, String(index))
    switch (mount.kind) {
      case 'tmpfs':
        provided.push(mount)
        break
      case 'bind':
        checkPropagation(context, mount)
        provided.push(mount)
        break
      case 'volume': {
        const { path: root, isMounted, readOnly } = await context.volumes.mount(mount.name, id)
        // all others were filled when the container was created
        if (isMounted && mount.copyUp && mount.subpath === '')
          await context.volumes.copyUp(mount.name, rootfs, mount.destination)
        if (mount.subpath !== '') {
          context.host.rooted.makeFolders('/', folder, 0o700)
          bindInside(context, root, mount.subpath, own)
        }
        // crun 1.8 forgets that the source of a bind is read-only
        provided.push({ ...mount, readOnly: mount.readOnly || readOnly, source: mount.subpath === '' ? root : own })
        break
      }
      case 'image': {
        const whole = `${own}-image`
        await context.layers.mountImage(mount.chainIds, whole)
        if (mount.subpath !== '') bindInside(context, whole, mount.subpath, own)
        const source = mount.subpath === '' ? whole : own
        const { destination } = mount
        provided.push({
          kind: 'bind',
          source,
          destination,
          readOnly: true,
          propagation: '',
          recursive: true,
          createSource: false,
          mode: '',
        })
        break
      }
      default:
        mount satisfies never
    }
  }
  return provided
}

/** What was mounted on is empty, or it stays: nothing is ever deleted through a mount that did not go. */
async function removeMountPoints({ files }: Host, folder: string): Promise<void> {
  for (const entry of await files.readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    await (entry.isDirectory() ? files.rmdir(path) : files.unlink(path))
  }
  await files.rmdir(folder)
}

/** Idempotent; also after a start that was cut short. */
export async function releaseSources(context: ContainersContext, { id, mounts }: ContainerDocument): Promise<void> {
  const folder = join(containerFolder(context.config, id).folder, 'mounts')
  if (context.host.files.existsSync(folder)) {
    for (const point of mountPointsBelow(context.host, folder).toReversed()) await unmount(context, point)
    await removeMountPoints(context.host, folder)
  }
  for (const mount of mounts) if (mount.kind === 'volume') await context.volumes.release(mount.name, id)
}
