/** Builds: Dockerfiles to images, and the cache that they leave. */
import type { BuildCacheRecord, BuildMessage, BuildPruneResponse, BuildRequest } from '../../api/types/build.ts'
import type { Filters } from './filters.ts'

export interface BuildPruneOptions {
  /** Also what images still stand on. */
  readonly all: boolean
  /** until ("24h"), id, type, description, inuse, shared, private. */
  readonly filters: Filters
  /** Nothing goes as long as the cache is no larger. Undefined: no such limit. */
  readonly keepBytes: number | undefined
}

export interface BuildService {
  /**
   * Resolves when the last message is out, `result` or `error`: what a user, the machine or a cancel caused does not
   * reject. Steps that other builds run just now are shared with them.
   */
  build(request: BuildRequest, emit: (message: BuildMessage) => void, signal: AbortSignal): Promise<void>
  /** Records in no use, least used first. Throws InvalidRequestError for a filter that it does not know. */
  prune(options: BuildPruneOptions): Promise<BuildPruneResponse>
  /** Newest use first. */
  diskUsage(): Promise<BuildCacheRecord[]>
  /** Drops records whose layers are gone. */
  recover(): Promise<void>
  /** Cancels builds and waits for their ends. */
  shutdown(): Promise<void>
}
