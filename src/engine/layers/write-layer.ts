/**
 * What a container has written: as a layer (docker commit) and as a list of changes (docker diff). Read by descriptors and
 * never through a link, as the container may run meanwhile. Source: OCI image-spec layer.md "Representing Changes";
 * Documentation/filesystems/overlayfs.rst "whiteouts and opaque directories".
 */
import { setImmediate } from 'node:timers/promises'
import type { ContainerChange } from '../../api/types/index.ts'
import { joinPath } from './entry-path.ts'
import { MAX_TURN_MS } from './feed.ts'
import { openFolders } from './folders.ts'
import { createLayeredTree, type LayeredTree } from './layered-tree.ts'
import { createPacker } from './pack.ts'
import { createWhiteouts, isWhiteoutDevice } from './whiteouts.ts'
import { errnoOf } from '../../errors.ts'
import type { At, ByteString } from '../../host/at.ts'

const MODIFIED = 0
const ADDED = 1
const DELETED = 2

/** The tar of the folder `upper` of an overlay, whiteouts in their OCI form. */
export async function* packWriteLayer(at: At, upper: string): AsyncGenerator<Buffer> {
  const root = at.openRoot(upper)
  try {
    yield* createPacker(at, { whiteouts: true }).pack(root, [{ name: '.', path: '.' }])
  } finally {
    at.close(root)
  }
}

/** All of a mounted root file system; names begin without "./", as docker export has them. */
export async function* packRoot(at: At, path: string): AsyncGenerator<Buffer> {
  const root = at.openRoot(path)
  try {
    const roots = at.names(root).map((name) => ({ name, path: name }))
    yield* createPacker(at, { whiteouts: false }).pack(root, roots)
  } finally {
    at.close(root)
  }
}

const shownPath = (path: ByteString): string => `/${Buffer.from(path, 'latin1').toString('utf8')}`

async function changesIn(at: At, root: number, lower: LayeredTree): Promise<ContainerChange[]> {
  const changes: ContainerChange[] = []
  let turnStart = performance.now()

  async function walk(folder: number, parent: ByteString): Promise<void> {
    for (const name of at.names(folder)) {
      const facts = at.stat(folder, name)
      if (facts === undefined) continue // gone since it was listed
      const path = joinPath(parent, name)
      if (isWhiteoutDevice(facts)) changes.push({ Path: shownPath(path), Kind: DELETED })
      else changes.push({ Path: shownPath(path), Kind: lower.find(path) === undefined ? ADDED : MODIFIED })
      if (facts.kind === 'folder') await enter(folder, name, path)
    }
    if (performance.now() - turnStart < MAX_TURN_MS) return
    await setImmediate()
    turnStart = performance.now()
  }

  async function enter(folder: number, name: ByteString, path: ByteString): Promise<void> {
    let inside: number
    try {
      inside = at.openFolder(folder, name, 'no-links')
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return
      throw error
    }
    try {
      await walk(inside, path)
    } finally {
      at.close(inside)
    }
  }

  await walk(root, '')
  return changes
}

/** Sorted by path; a folder in which something changed is changed itself. `lower`: folders below, uppermost first. */
export async function listChanges(at: At, upper: string, lower: readonly string[]): Promise<ContainerChange[]> {
  using cleanup = new DisposableStack()
  const open = (path: string): number => cleanup.adopt(at.openRoot(path), (fd) => at.close(fd))
  const below = lower.map((path) =>
    cleanup.adopt(
      openFolders(at, open(path), { resolution: 'no-links', whiteouts: false, implied: () => undefined }),
      (folders) => folders.close(),
    ),
  )
  const changes = await changesIn(at, open(upper), createLayeredTree(at, below, createWhiteouts(at, 'device')))
  return changes.toSorted((a, b) => (a.Path < b.Path ? -1 : 1))
}
