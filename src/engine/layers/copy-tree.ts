/**
 * The tree that a stack of layers makes, as a copy: layer upon layer with its whiteouts in marker form (whiteouts.ts). Hard
 * links stay links, holes stay holes, blocks are shared where the file system can. In small turns, as unpacking is.
 */
import { setImmediate } from 'node:timers/promises'
import { copyFile, copyXattrs } from './copy-file.ts'
import { joinPath } from './entry-path.ts'
import { MAX_TURN_MS } from './feed.ts'
import { OPAQUE_MARKER, WHITEOUT, createWhiteouts } from './whiteouts.ts'
import { CanceledError } from '../../errors.ts'
import type { At, ByteString, FileFacts } from '../../host/at.ts'

interface Place {
  /** Descriptors. */
  readonly source: number
  readonly target: number
  readonly path: ByteString
}

/** `layers`: folders, lowest first. `target` is an empty folder. Throws KernelError (ENOSPC), CanceledError. */
export async function copyLayers(
  at: At,
  layers: readonly string[],
  target: string,
  signal?: AbortSignal,
): Promise<void> {
  const whiteouts = createWhiteouts(at, 'marker')
  let turnStart = performance.now()

  async function takeTurns(): Promise<void> {
    if (signal?.aborted === true) throw new CanceledError('copying layers was canceled')
    if (performance.now() - turnStart < MAX_TURN_MS) return
    await setImmediate()
    turnStart = performance.now()
  }

  /** What the layers so far have put there and this one hides. */
  function applyWhiteouts({ source, target: folder }: Place, names: readonly ByteString[]): void {
    if (whiteouts.isOpaque(source)) for (const name of at.names(folder)) at.remove(folder, name)
    for (const name of names)
      if (name.startsWith(WHITEOUT) && name !== OPAQUE_MARKER) at.remove(folder, name.slice(WHITEOUT.length))
  }

  function setMetadata(source: number, folder: number, facts: FileFacts): void {
    at.chown(folder, '.', facts.uid, facts.gid)
    at.chmod(folder, '.', facts.mode)
    copyXattrs(at, { folder: source, name: '.', facts }, folder, '.')
    at.setTimes(folder, '.', facts.mtimeNs)
  }

  async function copyFolder(place: Place, links: Map<string, ByteString>, root: number): Promise<void> {
    const names = at.names(place.source)
    applyWhiteouts(place, names)
    for (const name of names) {
      if (name.startsWith(WHITEOUT)) continue
      const facts = at.stat(place.source, name)
      if (facts === undefined || facts.kind === 'socket') continue
      if (facts.kind === 'folder') await enter(place, name, links, root)
      else copyEntry(place, name, facts, links, root)
      await takeTurns()
    }
    const facts = at.stat(place.source, '.')
    if (facts !== undefined) setMetadata(place.source, place.target, facts)
  }

  function copyEntry(
    { source, target: folder, path }: Place,
    name: ByteString,
    facts: FileFacts,
    links: Map<string, ByteString>,
    root: number,
  ): void {
    at.remove(folder, name)
    const first = facts.linkCount > 1 ? links.get(facts.inode) : undefined
    if (first !== undefined) {
      const slash = Math.max(first.lastIndexOf('/'), 0)
      const from = at.openFolder(root, first.slice(0, slash), 'no-links')
      try {
        at.makeLink(from, first.slice(slash === 0 ? 0 : slash + 1), folder, name)
      } finally {
        at.close(from)
      }
      return
    }
    if (facts.linkCount > 1) links.set(facts.inode, joinPath(path, name))
    copyFile(at, { folder: source, name, facts }, folder, name)
  }

  async function enter(
    { source, target: folder, path }: Place,
    name: ByteString,
    links: Map<string, ByteString>,
    root: number,
  ): Promise<void> {
    const there = at.stat(folder, name)
    if (there !== undefined && there.kind !== 'folder') at.remove(folder, name)
    at.makeFolder(folder, name, 0o700)
    const inside = at.openFolder(source, name, 'no-links')
    try {
      const copy = at.openFolder(folder, name, 'no-links')
      try {
        await copyFolder({ source: inside, target: copy, path: joinPath(path, name) }, links, root)
      } finally {
        at.close(copy)
      }
    } finally {
      at.close(inside)
    }
  }

  const root = at.openRoot(target)
  try {
    for (const layer of layers) {
      const source = at.openRoot(layer)
      try {
        await copyFolder({ source, target: root, path: '' }, new Map(), root)
      } finally {
        at.close(source)
      }
    }
  } finally {
    at.close(root)
  }
}
