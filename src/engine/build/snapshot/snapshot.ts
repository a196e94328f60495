/**
 * A state that is being written: an overlay over its layers, whose upper folder becomes the next layer by a rename. Lies in
 * tmp/ of the root, so that a crash leaves nothing but rubbish there, and is `volatile`: fsync costs a step nothing, as
 * commitLayers brings the whole layer to the disk before an image stands on it.
 *
 * The upper folder keeps overlayfs' own attributes (trusted.overlay.origin, impure, uuid): they are looked at in an upper
 * folder only, and packer, unpacker and driver never carry them (xattr-rules.ts). test/kernel/build-snapshot.test.ts stacks
 * such layers. Source: Documentation/filesystems/overlayfs.rst "Volatile mount", fs/overlayfs/namei.c (ovl_check_origin).
 */
import { join } from 'node:path'
import { CanceledError, UnsupportedError } from '../../../errors.ts'
import type { FileFacts } from '../../../host/at.ts'
import type { EngineBase } from '../../context.ts'
import { lowerOf } from '../../layers/lower.ts'
import { unmount } from '../../layers/mount-points.ts'
import { mountOverlay } from '../../layers/overlay.ts'
import { NOTHING_NS, repackedDigest } from '../../layers/repack.ts'
import type { StagedLayer } from '../../layers/store.ts'
import type { Digested } from '../../layers/unpack-messages.ts'
import { settleUpper, type Settled } from './settle.ts'

export interface CommitOptions {
  /** SOURCE_DATE_EPOCH: nothing in the layer is younger. */
  readonly epochSeconds?: number | undefined
  readonly signal?: AbortSignal
}

export interface Snapshot extends AsyncDisposable {
  /** The merged tree, mounted read-write until `commit` or `discard`. */
  readonly root: string
  /**
   * Ends it. The layer is staged (layers/store.ts: commitLayers or discardLayer come next); when nothing changed it is the
   * empty one, as with BuildKit. Whoever still writes to `root` must have ended.
   */
  commit(options?: CommitOptions): Promise<StagedLayer>
  /** Ends it without a trace; idempotent, also after `commit`. */
  discard(): Promise<void>
}

const MANY_ENTRIES = 1_000
const MANY_BYTES = 32 * 2 ** 20

interface Folders {
  readonly folder: string
  readonly diff: string
  readonly work: string
  readonly root: string
}

/** In the merged tree the root folder is the upper one: it must look like that below. Returns what it looks like. */
function inheritRoot({ host: { at } }: EngineBase, top: string, diff: string): FileFacts {
  using open = new DisposableStack()
  const below = open.adopt(at.openRoot(top), (fd) => at.close(fd))
  const upper = open.adopt(at.openRoot(diff), (fd) => at.close(fd))
  const facts = at.stat(below, '.')
  if (facts === undefined) throw new Error(`no folder ${top}`)
  at.chownOpen(upper, facts.uid, facts.gid)
  at.chmodOpen(upper, facts.mode)
  at.setTimesOpen(upper, facts.mtimeNs)
  return facts
}

async function makeFolders({ host, config }: EngineBase, undo: AsyncDisposableStack): Promise<Folders> {
  const folder = await host.files.mkdtemp(join(config.paths.temporary, 'snapshot-'))
  undo.defer(() => host.files.rm(folder, { recursive: true, force: true }))
  const folders = { folder, diff: join(folder, 'diff'), work: join(folder, 'work'), root: join(folder, 'root') }
  for (const path of [folders.diff, folders.work, folders.root]) await host.files.mkdir(path, { mode: 0o700 })
  return folders
}

/** What overlayfs and the mount needed besides diff/. */
async function removeScaffold({ host }: EngineBase, { work, root }: Folders): Promise<void> {
  await host.files.rm(work, { recursive: true, force: true })
  await host.files.rmdir(root)
}

/** On a thread where that takes longer than to have one. */
async function packedDigest(
  base: EngineBase,
  diff: string,
  { entries, contentBytes, newestMtimeNs }: Settled,
  signal: AbortSignal | undefined,
): Promise<Digested> {
  if (entries > MANY_ENTRIES || contentBytes > MANY_BYTES)
    return await base.unpacker.digest({ kind: 'folder', path: diff, newestMtimeNs }, signal)
  let sizeBytes = 0
  const digest = await repackedDigest(base, diff, newestMtimeNs, (count) => (sizeBytes += count))
  return { digest, sizeBytes }
}

/**
 * Over the layers `chainIds`, lowest first. Throws UnsupportedError where layers are copies (vfs), LAYER_MISSING,
 * OVERLAY_FAILED. The caller sees to it that nobody frees those layers meanwhile.
 */
export async function openSnapshot(base: EngineBase, chainIds: readonly string[]): Promise<Snapshot> {
  if (base.storageDriver === 'vfs')
    throw new UnsupportedError('images cannot be built in a store without overlay mounts (vfs)', {
      hint: 'choose a root on ext4, xfs or btrfs with --root',
    })
  const { host } = base
  await using undo = new AsyncDisposableStack()
  const lower = await lowerOf(base, chainIds)
  const folders = await makeFolders(base, undo)
  const { folder, diff, work, root } = folders
  const before = inheritRoot(base, lower.at(-1) ?? '', diff)
  mountOverlay(host.mounts, { target: root, lower, upper: { upper: diff, work }, volatile: true })
  undo.defer(() => unmount(base, root))
  const parts = undo.move()
  const discard = (): Promise<void> => parts.disposeAsync()

  async function stage({ epochSeconds, signal }: CommitOptions): Promise<StagedLayer> {
    await unmount(base, root)
    const found = await settleUpper(host.at, diff, { lower: lower.toReversed(), before, epochSeconds, signal })
    await removeScaffold(base, folders)
    const isEmpty = found.entries === 0 && !found.rootChanged
    const { entries, newestMtimeNs } = isEmpty ? { entries: 0, newestMtimeNs: NOTHING_NS } : found
    const { digest, sizeBytes } = await packedDigest(base, diff, { ...found, newestMtimeNs }, signal)
    if (signal?.aborted === true) throw new CanceledError('the step was canceled')
    return { folder, diffId: digest, sizeBytes, rootOpaque: false, entries, newestMtimeNs }
  }

  return {
    root,
    discard,
    [Symbol.asyncDispose]: discard,
    async commit(options = {}) {
      if (parts.disposed) throw new Error('the snapshot has ended')
      try {
        const staged = await stage(options)
        parts.move() // it is the layer's from here on
        return staged
      } finally {
        await discard()
      }
    },
  }
}
