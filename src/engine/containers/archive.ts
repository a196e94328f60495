/**
 * docker cp: a running container is entered through its first process's root, so that its volumes are seen; a stopped
 * one has its layers and volumes' folders looked at. Paths are resolved inside (layers/archive.ts).
 */
import type { Readable } from 'node:stream'
import { encodePathStat, packFrom, unpackInto } from '../layers/archive.ts'
import { lockKey, type ContainersContext } from './context.ts'
import type { Container } from './store.ts'

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

/** The longest mount of a stopped container that `path` lies in: there the layer's content is not what is seen. */
function throughMount(
  container: Container,
  path: string,
): { readonly root: string; readonly path: string } | undefined {
  if (container.run !== undefined) return undefined
  const inside = container.document.mounts
    .filter((mount) => mount.kind !== 'tmpfs')
    .filter(({ destination }) => path === destination || path.startsWith(`${destination}/`))
    .toSorted((a, b) => b.destination.length - a.destination.length)[0]
  if (inside === undefined) return undefined
  return { root: inside.source, path: path.slice(inside.destination.length) || '/' }
}

export async function putArchive(
  context: ContainersContext,
  container: Container,
  path: string,
  tar: Readable,
): Promise<void> {
  const mounted = throughMount(container, path)
  if (mounted !== undefined) return unpackInto(context.host, mounted.root, mounted.path, tar)
  await withRoot(context, container, (root) => unpackInto(context.host, root, path, tar))
}

export async function getArchive(
  context: ContainersContext,
  container: Container,
  path: string,
): Promise<{ readonly stat: string; readonly tar: Readable }> {
  const mounted = throughMount(container, path)
  const pack = (root: string, inside: string) => packFrom(context.host, root, inside)
  // the tar holds the folder open: the mount may go away (lazily) before it has been read
  const { stat, tar } =
    mounted === undefined
      ? await withRoot(context, container, async (root) => pack(root, path))
      : pack(mounted.root, mounted.path)
  return { stat: encodePathStat(stat), tar }
}
