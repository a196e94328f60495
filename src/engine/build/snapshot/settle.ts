/**
 * The upper folder of an overlay made ready to be a layer: only what differs from below stays, said in the fewest words.
 *
 * - overlayfs copies up what is merely touched (chmod to the same mode, a file made in a folder and removed again): files
 *   and folders that are as below go, so that "nothing changed" is nothing.
 * - it marks each new folder opaque although nothing is below: such marks go, so that the same folder is the same layer
 *   whatever it was made on, and a layer of `COPY --link` hides nothing where it is put.
 * - sockets go: no tar can hold them, and a layer must be the same when it comes back from a registry.
 *
 * Source: fs/overlayfs/dir.c (ovl_create_upper sets opaque in merged folders); OCI image-spec layer.md "Change Types".
 */
import { setImmediate } from 'node:timers/promises'
import { CanceledError } from '../../../errors.ts'
import type { At, ByteString, FileFacts } from '../../../host/at.ts'
import { joinPath } from '../../layers/entry-path.ts'
import { MAX_TURN_MS } from '../../layers/feed.ts'
import { openFolders } from '../../layers/folders.ts'
import { createLayeredTree, type LayeredFile, type LayeredTree } from '../../layers/layered-tree.ts'
import { createWhiteouts, isWhiteoutDevice } from '../../layers/whiteouts.ts'
import { OPAQUE_XATTR } from '../../layers/xattr-rules.ts'
import { isSameFile, isSameFolder } from './compare.ts'

const ORIGIN_XATTR = 'trusted.overlay.origin'

export interface SettleOptions {
  /** Folders below, uppermost first. */
  readonly lower: readonly string[]
  /** The root folder as it was at first. */
  readonly before: FileFacts
  /** Later times become this one. */
  readonly epochSeconds: number | undefined
  readonly signal: AbortSignal | undefined
}

export interface Settled {
  /** What is left, whiteouts too, without the root. */
  readonly entries: number
  /** Owner or mode of the root folder. */
  readonly rootChanged: boolean
  readonly newestMtimeNs: bigint
  /** Of all files. */
  readonly contentBytes: number
}

/** The folders below as one tree. */
function openLower(at: At, lower: readonly string[], open: DisposableStack): LayeredTree {
  const layers = lower.map((path) => {
    const fd = open.adopt(at.openRoot(path), (opened) => at.close(opened))
    const options = { resolution: 'no-links', whiteouts: false, implied: () => undefined } as const
    return open.adopt(openFolders(at, fd, options), (folders) => folders.close())
  })
  return createLayeredTree(at, layers, createWhiteouts(at, 'device'))
}

/** Nobody else may use the folder `upper` meanwhile. Throws CanceledError. */
export async function settleUpper(at: At, upper: string, options: SettleOptions): Promise<Settled> {
  const { lower, before, epochSeconds, signal } = options
  using open = new DisposableStack()
  const root = open.adopt(at.openRoot(upper), (fd) => at.close(fd))
  const tree = openLower(at, lower, open)
  const epochNs = epochSeconds === undefined ? undefined : BigInt(epochSeconds) * 1_000_000_000n
  let entries = 0
  let newestMtimeNs = 0n
  let contentBytes = 0
  let turnStart = performance.now()

  async function breathe(): Promise<void> {
    if (signal?.aborted === true) throw new CanceledError('the step was canceled')
    if (performance.now() - turnStart < MAX_TURN_MS) return
    await setImmediate()
    turnStart = performance.now()
  }

  function keep(file: LayeredFile): void {
    entries += 1
    if (file.facts.kind === 'file') contentBytes += file.facts.sizeBytes
    keepTime(file)
  }

  /** Given back as it was: a folder's time changes when something is removed from it. */
  function keepTime({ folder, name, facts: { kind, mtimeNs } }: LayeredFile): void {
    const kept = epochNs !== undefined && mtimeNs > epochNs ? epochNs : mtimeNs
    if (kind === 'folder' || kept !== mtimeNs) at.setTimes(folder, name, kept)
    if (kept > newestMtimeNs) newestMtimeNs = kept
  }

  /** `below` undefined: hidden by an opaque folder above. */
  async function settleFolder(folder: LayeredFile, path: ByteString, below: LayeredTree | undefined): Promise<void> {
    const { folder: parent, name } = folder
    const inside = at.openFolder(parent, name, 'no-links')
    try {
      const under = below?.find(path)
      const isOpaque = at.xattr(inside, '.', OPAQUE_XATTR)?.toString() === 'y'
      if (isOpaque && under === undefined) at.removeXattr(inside, '.', OPAQUE_XATTR)
      const isMerged = under !== undefined && !isOpaque
      const left = await settleNames(inside, path, isMerged ? below : undefined)
      if (left === 0 && isMerged && isSameFolder(at, under, folder)) at.remove(parent, name)
      else keep(folder)
    } finally {
      at.close(inside)
    }
  }

  /** Copied up and left as it was. Only what was copied up has an origin, and asking for that is cheap. */
  function isUnchanged(file: LayeredFile, path: ByteString, below: LayeredTree | undefined): boolean {
    if (below === undefined || file.facts.linkCount > 1) return false
    if (at.xattr(file.folder, file.name, ORIGIN_XATTR) === undefined) return false
    const under = below.find(path)
    return under !== undefined && isSameFile(at, under, file)
  }

  /** How many names are left in the folder. */
  async function settleNames(folder: number, parent: ByteString, below: LayeredTree | undefined): Promise<number> {
    let left = 0
    for (const name of at.names(folder)) {
      await breathe()
      const facts = at.stat(folder, name)
      if (facts === undefined) continue
      const path = joinPath(parent, name)
      const file = { folder, name, facts }
      const entriesBefore = entries
      if (isWhiteoutDevice(facts)) entries += 1
      else if (facts.kind === 'folder') await settleFolder(file, path, below)
      else if (facts.kind === 'socket' || isUnchanged(file, path, below)) at.remove(folder, name)
      else keep(file)
      if (entries > entriesBefore) left += 1
    }
    return left
  }

  const facts = at.stat(root, '.')
  if (facts === undefined) throw new Error(`no folder ${upper}`)
  await settleNames(root, '', tree)
  keepTime({ folder: root, name: '.', facts })
  const rootChanged = facts.mode !== before.mode || facts.uid !== before.uid || facts.gid !== before.gid
  return { entries, rootChanged, newestMtimeNs, contentBytes }
}
