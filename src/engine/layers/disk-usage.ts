/** Bytes that a folder takes on the disk: each inode once, holes not counted; in small turns. */
import { setImmediate } from 'node:timers/promises'
import { MAX_TURN_MS } from './feed.ts'
import { errnoOf } from '../../errors.ts'
import type { At } from '../../host/at.ts'

/** 0 when there is no such folder. */
export async function diskUsageBytes(at: At, path: string): Promise<number> {
  let total = 0
  const seen = new Set<string>()
  let turnStart = performance.now()

  async function add(folder: number): Promise<void> {
    for (const name of at.names(folder)) {
      const facts = at.stat(folder, name)
      if (facts === undefined || seen.has(facts.inode)) continue
      if (facts.linkCount > 1 && facts.kind !== 'folder') seen.add(facts.inode)
      total += facts.allocatedBytes
      if (facts.kind === 'folder') await enter(folder, name)
    }
    if (performance.now() - turnStart < MAX_TURN_MS) return
    await setImmediate()
    turnStart = performance.now()
  }

  async function enter(folder: number, name: string): Promise<void> {
    let inside: number
    try {
      inside = at.openFolder(folder, name, 'no-links')
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return // gone since it was listed
      throw error
    }
    try {
      await add(inside)
    } finally {
      at.close(inside)
    }
  }

  let root: number
  try {
    root = at.openRoot(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0
    throw error
  }
  try {
    await add(root)
  } finally {
    at.close(root)
  }
  return total
}
