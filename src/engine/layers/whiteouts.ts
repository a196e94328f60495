/**
 * How a layer on the disk says that something of the layers below is hidden. `device`, as overlayfs has it: a 0:0
 * character device, an attribute on an opaque folder. `marker`, for stores that overlayfs cannot mount (vfs) and where such
 * devices may not even be made: the names of the tar, ".wh.NAME" and ".wh..wh..opq", as empty files.
 * Source: OCI image-spec layer.md "Whiteouts"; Documentation/filesystems/overlayfs.rst.
 */
import type { At, ByteString, FileFacts } from '../../host/at.ts'
import { OPAQUE_XATTR } from './xattr-rules.ts'

export const WHITEOUT = '.wh.'
export const OPAQUE_MARKER = '.wh..wh..opq'
const CHARACTER = 0o020000
const YES = Buffer.from('y')

export type WhiteoutForm = 'device' | 'marker'

/** Folders are descriptors. */
export interface Whiteouts {
  readonly form: WhiteoutForm
  /** Hides `name` of the layers below; what this layer has there stays, by itself. */
  hide(parent: number, name: ByteString): void
  /** Nothing of this layer is there, and nothing of those below shows. */
  isHidden(parent: number, name: ByteString): boolean
  markOpaque(folder: number): void
  isOpaque(folder: number): boolean
}

export const isWhiteoutDevice = (facts: FileFacts): boolean =>
  facts.kind === 'character' && facts.major === 0 && facts.minor === 0

function deviceWhiteouts(at: At): Whiteouts {
  return {
    form: 'device',
    hide(parent, name) {
      if (at.makeNode(parent, name, CHARACTER, 0, 0)) return
      // the layer has put something there already: a folder must not mix with the one below, all else hides it anyway
      if (at.stat(parent, name)?.kind === 'folder') at.setXattr(parent, name, OPAQUE_XATTR, YES)
    },
    isHidden(parent, name) {
      const facts = at.stat(parent, name)
      return facts !== undefined && isWhiteoutDevice(facts)
    },
    markOpaque: (folder) => at.setXattr(folder, '.', OPAQUE_XATTR, YES),
    isOpaque: (folder) => at.xattr(folder, '.', OPAQUE_XATTR)?.toString() === 'y',
  }
}

function markerWhiteouts(at: At): Whiteouts {
  function mark(folder: number, name: ByteString): void {
    const fd = at.createFile(folder, name, 0o600)
    if (fd !== undefined) at.close(fd)
  }
  return {
    form: 'marker',
    hide: (parent, name) => mark(parent, `${WHITEOUT}${name}`),
    isHidden: (parent, name) =>
      at.stat(parent, `${WHITEOUT}${name}`) !== undefined && at.stat(parent, name) === undefined,
    markOpaque: (folder) => mark(folder, OPAQUE_MARKER),
    isOpaque: (folder) => at.stat(folder, OPAQUE_MARKER) !== undefined,
  }
}

export function createWhiteouts(at: At, form: WhiteoutForm): Whiteouts {
  return form === 'device' ? deviceWhiteouts(at) : markerWhiteouts(at)
}
