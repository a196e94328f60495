/** What a RUN step is given, and what it gives back. Types only. */
import type { EngineBase, EngineContext } from '../../context.ts'
import type { Work } from '../plan.ts'
import type { Snapshot } from '../snapshot/snapshot.ts'
import type { MountOrigin } from './bind-source.ts'
import type { CacheMounts } from './cache-mounts.ts'

export type RunWork = Extract<Work, { readonly kind: 'run' }>

export interface RunContext extends EngineBase, Pick<EngineContext, 'networks' | 'platform'> {
  readonly cacheMounts: CacheMounts
}

export interface RunStep {
  readonly snapshot: Pick<Snapshot, 'root'>
  readonly work: RunWork
  /** By index of `work.mounts`: what its `from` is, for all that have one. */
  readonly origins: ReadonlyMap<number, MountOrigin>
  /** By id. */
  readonly secrets: ReadonlyMap<string, Buffer>
  /** Id -> path of an agent's socket on this machine. */
  readonly ssh: ReadonlyMap<string, string>
  /** "security.insecure", "network.host". */
  readonly entitlements: readonly string[]
  /** Name or id of the network that `default` is; undefined: the default bridge. */
  readonly network?: string | undefined
  readonly cgroupParent?: string | undefined
  readonly memoryBytes?: number | undefined
}

/** `chunk` may end within a line. */
export type StepOutput = (stream: 'stdout' | 'stderr', chunk: Buffer) => void

export interface StepResult {
  /** 128 + number for a signal. */
  readonly exitCode: number
}
