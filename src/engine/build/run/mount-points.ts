/**
 * Mount points that a step's mounts need and the state does not have: made before the step, removed after it, so that no
 * layer has them. The step may have put anything in their place, so they are looked for by descriptors, no link is followed,
 * and only the very file that was made, still empty, goes. Folders keep their times. Paths are resolved inside the state's
 * tree, never outside. Source: CVE-2024-23652 (BuildKit's clean-up removed files of the host).
 */
import { InvalidRequestError } from '../../../errors.ts'
import type { At, ByteString } from '../../../host/at.ts'
import { joinPath } from '../../layers/entry-path.ts'
import { printable } from '../../layers/tar-entry.ts'
import { bytesOf, inFolder, realPath } from './tree-path.ts'

export interface MountPoint {
  /** Absolute, as the process sees it: "/run/secrets/token". */
  readonly path: string
  readonly kind: 'file' | 'folder'
}

export interface MadeMountPoints {
  /** Idempotent. Nobody may work in the tree any more. sync */
  remove(): void
}

interface Made {
  readonly parent: ByteString
  readonly name: ByteString
  readonly inode: string
}

/** Runs `work`, which changes what is in `folder`, and gives the folder its time back. */
function keepingTime(at: At, folder: number, work: () => void): void {
  const before = at.stat(folder, '.')
  work()
  if (before !== undefined) at.setTimes(folder, '.', before.mtimeNs)
}

/** Throws InvalidRequestError when a file is in the way. sync */
export function makeMountPoints(at: At, tree: string, points: readonly MountPoint[]): MadeMountPoints {
  const made: Made[] = []

  function make(folder: number, parent: ByteString, name: ByteString, kind: MountPoint['kind']): void {
    keepingTime(at, folder, () => {
      if (kind === 'folder') at.makeFolder(folder, name, 0o755)
      else {
        const file = at.createFile(folder, name, 0o644)
        if (file !== undefined) at.close(file)
      }
    })
    const facts = at.stat(folder, name)
    if (facts !== undefined) made.push({ parent, name, inode: facts.inode })
  }

  function makeOne(root: number, { path, kind }: MountPoint): void {
    const real = realPath(at, root, bytesOf(path))
    const parts = real.split('/')
    let parent = ''
    for (const [index, name] of parts.entries()) {
      if (name === '') continue
      const isLast = index === parts.length - 1
      const found = inFolder(at, root, parent, (folder) => {
        if (at.stat(folder, name) === undefined) make(folder, parent, name, isLast ? kind : 'folder')
        return true
      })
      if (found === undefined)
        throw new InvalidRequestError(`cannot mount on ${path}: /${printable(parent)} is no folder`, {
          code: 'MOUNT_TARGET',
        })
      parent = joinPath(parent, name)
    }
  }

  function removeOne(root: number, { parent, name, inode }: Made): void {
    inFolder(at, root, parent, (folder) => {
      const facts = at.stat(folder, name)
      if (facts?.inode !== inode) return
      const isEmpty =
        facts.kind === 'folder'
          ? inFolder(at, folder, name, (inside) => at.names(inside).length === 0)
          : facts.kind === 'file' && facts.sizeBytes === 0
      if (isEmpty === true) keepingTime(at, folder, () => at.remove(folder, name))
    })
  }

  function inTree(work: (root: number) => void): void {
    const root = at.openRoot(tree)
    try {
      work(root)
    } finally {
      at.close(root)
    }
  }

  const remove = (): void => {
    if (made.length > 0)
      inTree((root) =>
        made
          .splice(0)
          .toReversed()
          .forEach((point) => removeOne(root, point)),
      )
  }
  try {
    inTree((root) => points.forEach((point) => makeOne(root, point)))
  } catch (error) {
    remove()
    throw error
  }
  return { remove }
}
