/**
 * An image layer on its way into a folder that overlayfs will stack: like any tar, but for whiteouts. `.wh.NAME` hides
 * NAME of the layers below and becomes a 0:0 character device, `.wh..wh..opq` hides all of them in its folder and
 * becomes an attribute; both may come before or after what the same layer puts there, which stays.
 * Source: OCI image-spec layer.md "Whiteouts"; Documentation/filesystems/overlayfs.rst.
 */
import type { At, ByteString } from '../../host/at.ts'
import { parseEntryPath } from './entry-path.ts'
import { openFolders, type FolderFacts, type Folders } from './folders.ts'
import { createLayeredTree } from './layered-tree.ts'
import { printable, tarError, type TarEntry } from './tar-entry.ts'
import type { TarSink } from './tar-reader.ts'
import { openTarget, type Target } from './target.ts'
import { OPAQUE_MARKER, WHITEOUT, createWhiteouts, type WhiteoutForm } from './whiteouts.ts'

/** Old aufs bookkeeping (.wh..wh.plnk and so on): of no meaning to others. */
const AUFS = '.wh..wh.'

export interface LayerSink extends Pick<Target, 'finish' | 'close'> {
  readonly sink: TarSink
  /** The layer hides everything below it: overlayfs knows no opaque root, so the layers below are left out. */
  readonly isRootOpaque: () => boolean
  /** No entry described the root: it is to look like that of the layers below. */
  readonly inheritsRoot: () => boolean
  /** Has it look so, when it is to. */
  inheritRoot(): void
  /** The newest time in the layer, 0 when it is empty. */
  readonly newestMtimeNs: () => bigint
}

type Meaning =
  | { readonly kind: 'plain' }
  | { readonly kind: 'ignored' }
  | { readonly kind: 'opaque'; readonly folder: ByteString }
  | { readonly kind: 'whiteout'; readonly folder: ByteString; readonly hidden: ByteString }

/** What the path of an entry means. Throws TAR_INVALID. */
export function whiteoutMeaning(path: ByteString): Meaning {
  if (!path.includes(WHITEOUT)) return { kind: 'plain' }
  const { parent, name } = parseEntryPath(path)
  if (name === OPAQUE_MARKER) return { kind: 'opaque', folder: parent }
  const parts = [...parent.split('/'), name]
  if (parts.some((part) => part.startsWith(AUFS))) return { kind: 'ignored' }
  if (parts.slice(0, -1).some((part) => part.startsWith(WHITEOUT)))
    throw tarError(`${printable(path)} lies in a whiteout`)
  if (!name.startsWith(WHITEOUT)) return { kind: 'plain' }
  const hidden = name.slice(WHITEOUT.length)
  if (hidden === '' || hidden === '.' || hidden === '..')
    throw tarError(`the whiteout ${printable(path)} hides nothing`)
  return { kind: 'whiteout', folder: parent, hidden }
}

export interface LayerSinkOptions {
  /**
   * Folders of the layers below, uppermost first. Asked for when the first entry cannot be placed without them, which of
   * most layers is none: so a layer can be unpacked before those below it are there.
   */
  readonly below: () => readonly string[]
  readonly whiteouts: WhiteoutForm
}

interface LowerLayers extends Iterable<Folders> {
  close(): void
}

/** Opened when they are first walked through. */
function openLowerLayers(at: At, below: () => readonly string[]): LowerLayers {
  const descriptors: number[] = []
  let opened: Folders[] | undefined
  function open(path: string): Folders {
    const fd = at.openRoot(path)
    descriptors.push(fd)
    return openFolders(at, fd, { resolution: 'no-links', whiteouts: false, implied: () => undefined })
  }
  return {
    [Symbol.iterator]: () => (opened ??= below().map((path) => open(path)))[Symbol.iterator](),
    close() {
      for (const folders of opened?.splice(0) ?? []) folders.close()
      for (const fd of descriptors.splice(0)) at.close(fd)
    },
  }
}

/** Those below are asked for when this layer itself does not have the answer. */
function withBelow(own: Folders, lower: Iterable<Folders>): Iterable<Folders> {
  return {
    *[Symbol.iterator]() {
      yield own
      yield* lower
    },
  }
}

/** `facts`: of the layer below; undefined where there is none. */
export function setRoot(at: At, root: number, facts: FolderFacts = { mode: 0o755, uid: 0, gid: 0 }): void {
  at.chown(root, '.', facts.uid, facts.gid)
  at.chmod(root, '.', facts.mode)
}

/** Writes into the folder `root` (a descriptor, which stays the caller's). Close it, whatever happens. */
export function openLayerSink(at: At, root: number, { below, whiteouts: form }: LayerSinkOptions): LayerSink {
  const whiteouts = createWhiteouts(at, form)
  const lower = openLowerLayers(at, below)
  const lowerTree = createLayeredTree(at, lower, whiteouts)
  const implied = (path: ByteString): FolderFacts | undefined => {
    const facts = lowerTree.find(path)?.facts
    return facts?.kind === 'folder' ? facts : undefined
  }
  const target = openTarget(at, root, {
    resolution: 'no-links',
    whiteouts: form === 'device',
    setsRoot: true,
    implied,
    below: { find: (path) => tree.find(path), resolve: (path) => tree.resolve(path) },
  })
  const { sink, folders } = target
  const tree = createLayeredTree(at, withBelow(folders, lower), whiteouts)
  let saysRoot = false
  let rootOpaque = false
  let newest = 0n
  let passing = true

  function markOpaque(folder: ByteString): void {
    if (folder === '') rootOpaque = true
    else whiteouts.markOpaque(folders.open(folder))
  }

  function hide(folder: ByteString, name: ByteString): void {
    whiteouts.hide(folders.open(folder), name)
    folders.relink()
  }

  function entry(entry: TarEntry): void {
    const meaning = whiteoutMeaning(entry.path)
    passing = meaning.kind === 'plain'
    switch (meaning.kind) {
      case 'plain':
        if (entry.kind === 'hardlink' && entry.target.split('/').some((part) => part.startsWith(WHITEOUT)))
          throw tarError(`${printable(entry.path)} is a hard link to a whiteout`)
        if (entry.mtimeNs > newest) newest = entry.mtimeNs
        if (entry.kind === 'folder' && parseEntryPath(entry.path).name === '') saysRoot = true
        sink.entry(entry)
        break
      case 'opaque':
        markOpaque(meaning.folder)
        break
      case 'whiteout':
        hide(meaning.folder, meaning.hidden)
        break
      case 'ignored':
        break
      default:
        meaning satisfies never
    }
  }

  return {
    finish: () => target.finish(),
    close() {
      target.close()
      lower.close()
    },
    isRootOpaque: () => rootOpaque,
    inheritsRoot: () => !saysRoot,
    inheritRoot() {
      if (!saysRoot) setRoot(at, root, implied(''))
    },
    newestMtimeNs: () => newest,
    sink: {
      entry,
      data(chunk, fileOffset) {
        if (passing) sink.data(chunk, fileOffset)
      },
      endEntry() {
        if (passing) sink.endEntry()
      },
    },
  }
}
