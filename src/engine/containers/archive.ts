/**
 * docker cp: a running container is entered through its first process's root, so that its volumes are seen; a stopped
 * one has its layers mounted for the time being, and its volumes where files are put. Paths are resolved inside
 * (layers/archive.ts): links that a container left in a volume lead nowhere else (CVE-2025-9566).
 */
import type { Readable } from 'node:stream'
import { errnoOf } from '../../errors.ts'
import type { Host } from '../../host/host.ts'
import { MNT_DETACH, MS_BIND } from '../../host/mounts.ts'
import { openFlags } from '../../host/rooted.ts'
import { encodePathStat, packFrom, unpackInto } from '../layers/archive.ts'
import { lockKey, type ContainersContext } from './context.ts'
import { nestMounts } from './nested-mounts.ts'
import { provideSources, releaseSources } from './mount-sources.ts'
import { containerUser } from './prepare-spec.ts'
import type { Container } from './store.ts'
import type { MountRecord } from '../../state/containers.ts'

/** Runs `work` on the root, mounted for the time being when the container does not run. */
async function withRoot<T>(
  context: ContainersContext,
  container: Container,
  work: (root: string) => Promise<T>,
): Promise<T> {
  const { process } = container.document.state
  if (container.run !== undefined && process !== undefined) return work(`/proc/${process.pid}/root`)
  return context.locks.run(lockKey(container.id), async () => {
    const { runtimes } = await context.platform()
    runtimes.byName(container.document.runtime).prepare()
    const root = await context.layers.mount(container.id)
    try {
      return await work(root)
    } finally {
      if (container.run === undefined) await context.layers.unmount(container.id)
    }
  })
}

/** The real path of a mount's destination, made where it is missing; undefined when it cannot hold a folder. */
function mountTarget({ rooted, files }: Host, root: string, destination: string): string | undefined {
  try {
    rooted.makeFolders(root, destination, 0o755)
    const fd = rooted.open(root, destination, openFlags.O_RDONLY | openFlags.O_DIRECTORY)
    try {
      return files.readlinkSync(`/proc/self/fd/${fd}`)
    } finally {
      rooted.close(fd)
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}

/** The root of a container that does not run, with its folders mounted as at its start: a tar may lead into them. */
async function withFolders(
  context: ContainersContext,
  { document, run }: Container,
  root: string,
  work: () => Promise<void>,
): Promise<void> {
  if (run !== undefined || document.mounts.length === 0) return work()
  const { host } = context
  await using undo = new AsyncDisposableStack()
  undo.defer(() => releaseSources(context, document))
  const sources = nestMounts(context, document, await provideSources(context, document, root))
  {
    using mounted = new DisposableStack()
    for (const mount of sources.toSorted((a, b) => a.destination.length - b.destination.length)) {
      if (mount.kind === 'tmpfs' || !host.files.existsSync(`${mount.source}/.`)) continue
      const target = mountTarget(host, root, mount.destination)
      if (target === undefined) continue
      host.mounts.mount({ source: mount.source, target, flags: MS_BIND })
      mounted.defer(() => void host.mounts.umount(target, MNT_DETACH))
    }
    await work()
  }
}

/** The longest of the mounts that `path` lies in. */
function mountOf<M extends MountRecord>(mounts: readonly M[], path: string): M | undefined {
  return mounts
    .filter(({ kind, destination }) => kind !== 'tmpfs' && `${path}/`.startsWith(`${destination}/`))
    .toSorted((a, b) => b.destination.length - a.destination.length)[0]
}

/** A path that lies in a mount of a stopped container: there the layer's content is not what is seen. */
async function fromMount<T>(
  context: ContainersContext,
  { document }: Container,
  root: string,
  path: string,
  pack: (root: string, path: string) => T,
): Promise<T> {
  await using undo = new AsyncDisposableStack()
  undo.defer(() => releaseSources(context, document))
  const mount = mountOf(await provideSources(context, document, root), path)
  if (mount === undefined || mount.kind === 'tmpfs') return pack(root, path)
  return pack(mount.source, path.slice(mount.destination.length) || '/')
}

export async function putArchive(
  context: ContainersContext,
  container: Container,
  path: string,
  tar: Readable,
  { keepKinds, toUser = false }: { readonly keepKinds: boolean; readonly toUser?: boolean },
): Promise<void> {
  const { User: user = '' } = container.document.config
  await withRoot(context, container, (root) =>
    withFolders(context, container, root, () => {
      const owner = toUser && user !== '' ? { owner: containerUser(context, root, user, []) } : {}
      return unpackInto(context.host, root, path, tar, { keepKinds, ...owner })
    }),
  )
}

export async function getArchive(
  context: ContainersContext,
  container: Container,
  path: string,
): Promise<{ readonly stat: string; readonly tar: Readable }> {
  const isMounted = container.run === undefined && mountOf(container.document.mounts, path) !== undefined
  const pack = (root: string, inside: string) => packFrom(context.host, root, inside)
  // the tar holds the folder open: the mount may go away (lazily) before it has been read
  const { stat, tar } = await withRoot(context, container, (root) =>
    isMounted ? fromMount(context, container, root, path, pack) : Promise.resolve(pack(root, path)),
  )
  return { stat: encodePathStat(stat), tar }
}
