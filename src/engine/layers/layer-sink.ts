/**
 * An image layer on its way into a folder that overlayfs will stack: like any tar, but for whiteouts. `.wh.NAME` hides
 * NAME of the layers below and becomes a 0:0 character device, `.wh..wh..opq` hides all of them in its folder and
 * becomes an attribute; both may come before or after what the same layer puts there, which stays.
 * Source: OCI image-spec layer.md "Whiteouts"; Documentation/filesystems/overlayfs.rst.
 */
import type { At, ByteString } from '../../host/at.ts'
import { parseEntryPath } from './entry-path.ts'
import { openFolders, type FolderFacts } from './folders.ts'
import { printable, tarError, type TarEntry } from './tar-entry.ts'
import type { TarSink } from './tar-reader.ts'
import { openTarget, type Target } from './target.ts'
import { OPAQUE_XATTR } from './xattr-rules.ts'

const WHITEOUT = '.wh.'
const OPAQUE_MARKER = '.wh..wh..opq'
/** Old aufs bookkeeping (.wh..wh.plnk and so on): of no meaning to others. */
const AUFS = '.wh..wh.'
const CHARACTER = 0o020000

export interface LayerSink extends Pick<Target, 'finish' | 'close'> {
  readonly sink: TarSink
  /** The layer hides everything below it: overlayfs knows no opaque root, so the layers below are left out. */
  readonly isRootOpaque: () => boolean
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
  const { parent, name } = parseEntryPath(path, 'refuse')
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

/** Writes into the folder `root` (a descriptor, which stays the caller's). `implied`: as the layers below have it. */
export function openLayerSink(at: At, root: number, implied: (path: ByteString) => FolderFacts | undefined): LayerSink {
  const target = openTarget(at, root, { resolution: 'no-links', whiteouts: true, setsRoot: true, implied })
  const { sink, folders } = target
  let rootOpaque = false
  let newest = 0n
  let passing = true

  function markOpaque(folder: ByteString): void {
    if (folder === '') rootOpaque = true
    else at.setXattr(folders.open(folder), '.', OPAQUE_XATTR, Buffer.from('y'))
  }

  function hide(folder: ByteString, name: ByteString): void {
    const parent = folders.open(folder)
    if (at.makeNode(parent, name, CHARACTER, 0, 0)) return
    // the layer has put something there already: a folder must not mix with the one below, all else hides it anyway
    if (at.stat(parent, name)?.kind === 'folder') at.setXattr(parent, name, OPAQUE_XATTR, Buffer.from('y'))
  }

  function entry(entry: TarEntry): void {
    const meaning = whiteoutMeaning(entry.path)
    passing = meaning.kind === 'plain'
    switch (meaning.kind) {
      case 'plain':
        if (entry.kind === 'hardlink' && entry.target.split('/').some((part) => part.startsWith(WHITEOUT)))
          throw tarError(`${printable(entry.path)} is a hard link to a whiteout`)
        if (entry.mtimeNs > newest) newest = entry.mtimeNs
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
    close: () => target.close(),
    isRootOpaque: () => rootOpaque,
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

/** How the layers below, uppermost first, have a folder: the owner and mode of one that a layer only implies. */
export function impliedFrom(
  at: At,
  lowerFolders: readonly string[],
): { readonly implied: (path: ByteString) => FolderFacts | undefined; readonly close: () => void } {
  const roots = lowerFolders.map((path) => {
    const root = at.openRoot(path)
    return {
      root,
      folders: openFolders(at, root, { resolution: 'within', whiteouts: false, implied: () => undefined }),
    }
  })
  return {
    implied(path) {
      for (const { folders } of roots) {
        const folder = folders.openExisting(path)
        const facts = folder === undefined ? undefined : at.stat(folder, '.')
        if (facts !== undefined) return { mode: facts.mode, uid: facts.uid, gid: facts.gid }
      }
      return undefined
    },
    close() {
      for (const { root, folders } of roots) {
        folders.close()
        at.close(root)
      }
    },
  }
}
