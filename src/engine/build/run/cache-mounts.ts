/**
 * Folders of `--mount=type=cache`: kept from build to build, in no layer. One folder for each id, first content and owner,
 * under build/cache-mounts/<key>/{data,mount.json}; its time of last use is that of mount.json. With `private` a second
 * user at the same time gets a folder of its own (<key>-1 ...), with `locked` it waits.
 * Source: Dockerfile reference "RUN --mount=type=cache"; BuildKit solver/llbsolver/mounts (what tells caches apart).
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { CanceledError, errnoOf } from '../../../errors.ts'
import type { EngineBase } from '../../context.ts'
import { diskUsageBytes } from '../../layers/disk-usage.ts'

export interface CacheMountWish {
  readonly id: string
  readonly sharing: 'shared' | 'private' | 'locked'
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** What it begins with, by its content; "" for nothing. */
  readonly origin: string
}

export interface CacheMountRecord {
  /** Name of its folder. */
  readonly key: string
  readonly id: string
  /** RFC 3339. */
  readonly createdAt: string
  readonly lastUsedAt: string
  readonly sizeBytes: number
  readonly inUse: boolean
}

export interface HeldCacheMount {
  readonly folder: string
  /** Idempotent. */
  release(): void
}

export interface CacheMounts {
  /** `fill` puts the first content into the empty folder. Throws CanceledError. */
  hold(wish: CacheMountWish, fill: (folder: string) => Promise<void>, signal: AbortSignal): Promise<HeldCacheMount>
  list(): Promise<CacheMountRecord[]>
  /** False when it is in use or not there. */
  remove(key: string): Promise<boolean>
}

const KEY_LENGTH = 32

/** PURE. Sharing is a matter of each use. Who holds several takes them in the order of their keys, or two could wait for each other. */
export function cacheMountKey({ id, mode, uid, gid, origin }: CacheMountWish): string {
  const text = JSON.stringify([id, mode, uid, gid, origin])
  return createHash('sha256').update(text).digest('hex').slice(0, KEY_LENGTH)
}

/** Users of one folder. Who locks it is alone; others come together. */
interface Users {
  count: number
  isLocked: boolean
}

export function createCacheMounts(base: EngineBase): CacheMounts {
  const { host, config, locks } = base
  const root = join(config.paths.root, 'build', 'cache-mounts')
  const users = new Map<string, Users>()
  /** Called at each release; each looks again. */
  const waiting = new Set<() => void>()

  const isFree = (key: string): boolean => (users.get(key)?.count ?? 0) === 0
  const recordOf = (key: string): string => join(root, key, 'mount.json')

  function take(key: string, isLocked: boolean): () => void {
    const present = users.get(key) ?? { count: 0, isLocked }
    users.set(key, { count: present.count + 1, isLocked })
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      const count = (users.get(key)?.count ?? 1) - 1
      if (count === 0) users.delete(key)
      else users.set(key, { count, isLocked: false })
      for (const look of waiting) look()
    }
  }

  function waitForRelease(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        waiting.delete(look)
        signal.removeEventListener('abort', abort)
        settle()
      }
      const look = (): void => end(resolve)
      const abort = (): void => end(() => reject(new CanceledError('canceled while waiting for a cache mount')))
      waiting.add(look)
      signal.addEventListener('abort', abort, { once: true })
    })
  }

  /** The folder's name, and how to let go of it. */
  async function choose(wish: CacheMountWish, signal: AbortSignal): Promise<[string, () => void]> {
    const key = cacheMountKey(wish)
    const { sharing } = wish
    if (sharing === 'private')
      for (let number = 0; ; number += 1) {
        const name = number === 0 ? key : `${key}-${number}`
        if (isFree(name)) return [name, take(name, true)]
      }
    for (;;) {
      if (signal.aborted) throw new CanceledError('canceled while waiting for a cache mount')
      if (isFree(key) || (sharing === 'shared' && users.get(key)?.isLocked === false))
        return [key, take(key, sharing === 'locked')]
      await waitForRelease(signal)
    }
  }

  /** Whole or not at all: mount.json comes last, and a folder without it is made anew. */
  async function ensure(key: string, wish: CacheMountWish, fill: (folder: string) => Promise<void>): Promise<string> {
    const data = join(root, key, 'data')
    if (host.files.existsSync(recordOf(key))) {
      const now = host.clock.nowMs() / 1000
      await host.files.utimes(recordOf(key), now, now)
      return data
    }
    await host.files.rm(join(root, key), { recursive: true, force: true })
    await host.files.mkdir(data, { recursive: true, mode: 0o700 })
    await fill(data)
    if (wish.origin === '') {
      await host.files.chown(data, wish.uid, wish.gid)
      await host.files.chmod(data, wish.mode)
    }
    const record = { id: wish.id, createdAt: host.clock.nowRfc3339() }
    await host.files.writeFile(recordOf(key), JSON.stringify(record))
    return data
  }

  async function readRecord(key: string): Promise<CacheMountRecord | undefined> {
    const text = await host.files.readTextIfExists(recordOf(key))
    if (text === undefined) return undefined
    const { id, createdAt } = JSON.parse(text) as { id: string; createdAt: string }
    const lastUsedAt = (await host.files.stat(recordOf(key))).mtime.toISOString()
    const sizeBytes = await diskUsageBytes(host.at, join(root, key, 'data'))
    return { key, id, createdAt, lastUsedAt, sizeBytes, inUse: !isFree(key) }
  }

  async function names(): Promise<string[]> {
    try {
      return await host.files.readdir(root)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return []
      throw error
    }
  }

  return {
    async hold(wish, fill, signal) {
      const [key, release] = await choose(wish, signal)
      try {
        // who comes second waits for the first content
        const folder = await locks.run(`cache-mount:${key}`, () => ensure(key, wish, fill))
        return { folder, release }
      } catch (error) {
        release()
        throw error
      }
    },
    async list() {
      const records = await Promise.all((await names()).map(readRecord))
      return records.filter((record) => record !== undefined)
    },
    async remove(key) {
      if (!/^[0-9a-f]+(-\d+)?$/.test(key)) return false
      return await locks.run(`cache-mount:${key}`, async () => {
        if (!isFree(key) || !host.files.existsSync(recordOf(key))) return false
        await host.files.rm(recordOf(key))
        await host.files.rm(join(root, key), { recursive: true, force: true })
        return true
      })
    },
  }
}
