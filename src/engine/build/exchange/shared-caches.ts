/** All caches of `cache_from`: opened when a step is not in ours, told as steps; one that cannot be read is none. */
import type { BuildRequest } from '../../../api/types/build.ts'
import type { EngineBase } from '../../context.ts'
import type { Platform } from '../plan/stage-state.ts'
import { credentialsFor } from '../solve/credentials.ts'
import { endingOf, type Progress } from '../solve/progress.ts'
import type { SharedCaches } from '../solve/solve.ts'
import { parseCacheSource, shownPlace, type CachePlace } from './places.ts'
import { openCache, type SharedCache } from './receive.ts'

export interface SharedCachesRequest {
  readonly base: EngineBase
  readonly request: BuildRequest
  readonly progress: Progress
  readonly platform: Platform
  readonly signal: AbortSignal
}

/** Throws BUILD_CACHE_OPTION, BUILD_CACHE_TYPE for options that are wrong. */
export function createSharedCaches({ base, request, progress, platform, signal }: SharedCachesRequest): SharedCaches {
  const places = (request.cacheFrom ?? []).map(parseCacheSource)
  let opening: Promise<readonly SharedCache[]> | undefined

  async function open(place: CachePlace, index: number): Promise<readonly SharedCache[]> {
    const id = `import-${index}`
    progress.announce({ id, name: `importing cache manifest from ${shownPlace(place)}`, inputs: [] })
    progress.started(id)
    try {
      const logins = (domain: string): ReturnType<typeof credentialsFor> =>
        credentialsFor(request.registryAuth ?? {}, domain)
      const cache = await openCache(base, { place, platform, signal, credentialsFor: logins })
      progress.ended(id, { kind: 'done', cached: false })
      return [cache]
    } catch (error) {
      progress.ended(id, endingOf(error))
      return []
    }
  }

  return {
    async find(key, below) {
      opening ??= Promise.all(places.map(open)).then((caches) => caches.flat())
      for (const cache of await opening) {
        const record = cache.find(key, below)
        if (record === undefined) continue
        return { created: record.created, bring: (chainIds, canceled) => cache.bring(record, chainIds, canceled) }
      }
      return undefined
    },
  }
}
