/**
 * A layer that is being unpacked and those below it, seen as the one tree that they make: what is at a path, and where a
 * path leads when links lie on it. So "bin/tool" of a layer comes to usr/bin/tool where the layers below have the link
 * bin -> usr/bin, and a hard link finds its file there. Resolving never leaves the tree: "/" and ".." end at its root.
 * Source: OCI image-spec layer.md "Applying Changesets"; man 7 path_resolution; CVE-2021-32760.
 */
import type { At, ByteString, FileFacts } from '../../host/at.ts'
import { checkLength, joinPath } from './entry-path.ts'
import { walkLinks } from './follow-links.ts'
import type { Folders } from './folders.ts'
import { printable, tarError } from './tar-entry.ts'
import { isWhiteoutDevice, type Whiteouts } from './whiteouts.ts'

/** A file of one layer. */
export interface LayeredFile {
  readonly folder: number
  readonly name: ByteString
  readonly facts: FileFacts
}

export interface LayeredTree {
  /** What shows at `path`, on which no links lie; "" is the root. Undefined: nothing, or hidden. */
  find(path: ByteString): LayeredFile | undefined
  /** Where the folder `path` really is, be it there or not: no links on the way. Throws TAR_INVALID for a loop. */
  resolve(path: ByteString): ByteString
}

/** PURE but for `targetOf`, see walkLinks. Throws TAR_INVALID. */
export function resolvePath(path: ByteString, targetOf: (path: ByteString) => ByteString | undefined): ByteString {
  return walkLinks(path, targetOf, {
    check: checkLength,
    tooMany: () => tarError(`too many symbolic links on the way to ${printable(path)}`),
  })
}

/** `layers`: folders of each, uppermost first; they stay the caller's. */
export function createLayeredTree(at: At, layers: Iterable<Folders>, whiteouts: Whiteouts): LayeredTree {
  /** Of what lies below a layer nothing shows in `path`: something else is in its place, or a folder on it is opaque. */
  function cuts(folders: Folders, path: ByteString): boolean {
    let parent = ''
    for (const name of path.split('/')) {
      const folder = folders.peek(parent)
      if (folder === undefined || name === '') return false
      if (whiteouts.isHidden(folder, name)) return true
      const facts = at.stat(folder, name)
      if (facts === undefined) return false
      if (facts.kind !== 'folder') return true
      parent = joinPath(parent, name)
      const inside = folders.peek(parent)
      if (inside !== undefined && whiteouts.isOpaque(inside)) return true
    }
    return false
  }

  function find(path: ByteString): LayeredFile | undefined {
    const slash = path.lastIndexOf('/')
    const [parent, name] = [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)]
    for (const folders of layers) {
      const folder = folders.peek(parent)
      const facts = folder === undefined ? undefined : at.stat(folder, name === '' ? '.' : name)
      if (folder !== undefined && facts !== undefined)
        return isWhiteoutDevice(facts) ? undefined : { folder, name: name === '' ? '.' : name, facts }
      if (folder !== undefined && whiteouts.isHidden(folder, name)) return undefined
      if (cuts(folders, parent)) return undefined
    }
    return undefined
  }

  return {
    find,
    resolve: (path) =>
      resolvePath(path, (prefix) => {
        const found = find(prefix)
        return found?.facts.kind === 'symlink' ? at.readlink(found.folder, found.name) : undefined
      }),
  }
}
