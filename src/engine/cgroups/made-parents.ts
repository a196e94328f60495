/**
 * Cgroups above a container's own that were made for it (`cgroup_parent`): they go with the last one in them. A user's own,
 * which were there before, are never removed. Which are ours is written down before the runtime makes them, in the run
 * folder: the next engine knows, and a reboot ends the record and the cgroups together.
 */
import { dirname, join } from 'node:path'
import { errnoOf } from '../../errors.ts'
import type { Files } from '../../host/host.ts'

export interface MadeParents {
  /** Before the runtime makes `path`: notes which of the cgroups above it are not there yet. sync */
  expect(path: string): void
  /** Removes those above `path` that nothing is in any more. */
  removeAbove(path: string): Promise<void>
}

export interface MadeParentsOptions {
  /** Of all hierarchies. */
  readonly mountPoints: readonly string[]
  /** The engine's own, which is looked after elsewhere: "/mycompose-3fa9c1". */
  readonly ownParent: string
  /** The file: one folder a line. */
  readonly record: string
}

export function createMadeParents(files: Files, { mountPoints, ownParent, record }: MadeParentsOptions): MadeParents {
  const made = new Set((files.readTextSync(record) ?? '').split('\n').filter(Boolean))

  function above(path: string): string[] {
    const found: string[] = []
    for (let at = dirname(path); at !== '/' && at !== ownParent; at = dirname(at)) found.push(at)
    return found
  }

  const save = (): void => files.writeTextSync(record, [...made].map((folder) => `${folder}\n`).join(''))

  return {
    expect(path) {
      const missing = above(path)
        .flatMap((at) => mountPoints.map((mountPoint) => join(mountPoint, at)))
        .filter((folder) => !made.has(folder) && !files.existsSync(folder))
      if (missing.length === 0) return
      for (const folder of missing) made.add(folder)
      save()
    },
    async removeAbove(path) {
      if (made.size === 0) return
      const before = made.size
      for (const folder of above(path).flatMap((at) => mountPoints.map((mountPoint) => join(mountPoint, at)))) {
        if (!made.has(folder)) continue
        try {
          await files.rmdir(folder)
        } catch (error) {
          if (['EBUSY', 'ENOTEMPTY'].includes(errnoOf(error) ?? '')) continue // others are in it
          if (errnoOf(error) !== 'ENOENT') throw error
        }
        made.delete(folder)
      }
      if (made.size === 0) await files.rm(record, { force: true })
      else if (made.size < before) save()
    },
  }
}
