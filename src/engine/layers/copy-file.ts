/**
 * One file of a layer copied into another folder, with owner, mode, attributes and times; its blocks are shared where the
 * file system can do that. No folders: see copy-tree.ts.
 */
import type { At, ByteString } from '../../host/at.ts'
import type { LayeredFile } from './layered-tree.ts'
import { isCarriedXattr } from './xattr-rules.ts'
import { errnoOf } from '../../errors.ts'

const NODE_TYPES = { character: 0o020000, block: 0o060000, fifo: 0o010000, socket: 0o140000 } as const

/** Attributes that travel with a file; a file system without them is gone on without. */
export function copyXattrs(at: At, from: LayeredFile, folder: number, name: ByteString): void {
  for (const attribute of at.xattrNames(from.folder, from.name).filter(isCarriedXattr)) {
    const value = at.xattr(from.folder, from.name, attribute)
    if (value === undefined) continue
    try {
      at.setXattr(folder, name, attribute, value)
    } catch (cause) {
      if (!['ENOTSUP', 'EOPNOTSUPP', 'EPERM'].includes(errnoOf(cause) ?? '')) throw cause
    }
  }
}

/** False when the name is taken. */
function make(at: At, { folder: from, name: fromName, facts }: LayeredFile, folder: number, name: ByteString): boolean {
  switch (facts.kind) {
    case 'file': {
      const target = at.createFile(folder, name, 0o600)
      if (target === undefined) return false
      try {
        const source = at.openFile(from, fromName)
        try {
          at.copyContent(source, target, facts.sizeBytes)
        } finally {
          at.close(source)
        }
      } finally {
        at.close(target)
      }
      return true
    }
    case 'symlink':
      return at.makeSymlink(folder, name, at.readlink(from, fromName))
    case 'character':
    case 'block':
    case 'fifo':
    case 'socket':
      return at.makeNode(folder, name, NODE_TYPES[facts.kind] | facts.mode, facts.major, facts.minor)
    case 'folder':
      throw new Error('a folder is no file')
    default:
      return facts.kind satisfies never
  }
}

/** False when the name is taken. Throws KernelError (ENOSPC). */
export function copyFile(at: At, from: LayeredFile, folder: number, name: ByteString): boolean {
  if (!make(at, from, folder, name)) return false
  const { facts } = from
  at.chown(folder, name, facts.uid, facts.gid)
  if (facts.kind !== 'symlink') at.chmod(folder, name, facts.mode)
  copyXattrs(at, from, folder, name)
  at.setTimes(folder, name, facts.mtimeNs)
  return true
}
