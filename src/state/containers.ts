/**
 * Containers in state.db: one JSON document each, written before the kernel is changed. While the engine runs, its
 * memory is the truth and this its shadow; after a crash recovery compares this with the kernel.
 */
import type { ContainerConfig, EndpointSettings, Health, HostConfig, ContainerStatus } from '../api/types/index.ts'
import type { StateDatabase } from './database.ts'

/** A time that never was, as Go prints its zero. */
export const NEVER = '0001-01-01T00:00:00Z'

/** A mount as the user asked for it, resolved: names instead of wishes. */
export type MountRecord =
  | {
      readonly kind: 'bind'
      readonly source: string
      readonly destination: string
      readonly readOnly: boolean
      /** "rprivate", "rslave", ...; "" is rprivate. */
      readonly propagation: string
      readonly recursive: boolean
      /** Read-only what is mounted below the source too; undefined: where the machine can. */
      readonly readOnlyBelow?: 'never' | 'always'
      /** A missing source becomes a folder (short syntax). */
      readonly createSource: boolean
      /** The options as given, for inspect: "ro,z". */
      readonly mode: string
    }
  | {
      readonly kind: 'volume'
      readonly name: string
      readonly source: string
      readonly destination: string
      readonly readOnly: boolean
      readonly copyUp: boolean
      readonly anonymous: boolean
      readonly subpath: string
      readonly driver: string
      readonly mode: string
    }
  | { readonly kind: 'tmpfs'; readonly destination: string; readonly options: readonly string[] }
  /** The content of an image, read-only. */
  | {
      readonly kind: 'image'
      /** As in the request. */
      readonly reference: string
      readonly imageId: string
      readonly chainIds: readonly string[]
      readonly destination: string
      readonly subpath: string
      readonly readOnly: true
    }

/** A running process and what proves that it still is the same one. */
export interface ProcessRecord {
  readonly pid: number
  /** Field 22 of /proc/PID/stat. */
  readonly startTime: string
}

export interface StateRecord {
  readonly status: Exclude<ContainerStatus, 'removing'>
  /** Of this boot, or the processes below are not ours. */
  readonly bootId: string
  readonly process: ProcessRecord | undefined
  /** Undefined: none runs, or it was started by an engine that did not note it. */
  readonly conmon?: ProcessRecord | undefined
  readonly exitCode: number
  readonly error: string
  readonly oomKilled: boolean
  /** RFC 3339 with nanoseconds. */
  readonly startedAt: string
  readonly finishedAt: string
}

/**
 * What was begun and not ended, recorded before the first step of it: recovery undoes a create and a start, and finishes
 * a stop, a restart and a removal.
 */
export type Unfinished =
  | { readonly kind: 'create' }
  /** `again`: the second half of a restart. */
  | { readonly kind: 'start'; readonly again?: boolean }
  | {
      readonly kind: 'stop' | 'restart'
      readonly timeoutSeconds?: number | undefined
      readonly signal?: string | undefined
    }
  /** `volumes`: its anonymous volumes go too. */
  | { readonly kind: 'remove'; readonly volumes: boolean }

export interface ContainerDocument {
  readonly id: string
  /** Without "/". */
  readonly name: string
  readonly createdAt: string
  readonly image: {
    /** As in the request. */
    readonly reference: string
    readonly id: string
    readonly chainIds: readonly string[]
    readonly platform: string
  }
  /** The image's and the request's configuration merged. */
  readonly config: ContainerConfig
  readonly hostConfig: HostConfig
  /** Network name -> the user's wish. */
  readonly endpoints: Readonly<Record<string, EndpointSettings>>
  readonly mounts: readonly MountRecord[]
  /** Entrypoint and command. */
  readonly path: string
  readonly args: readonly string[]
  readonly runtime: string
  readonly state: StateRecord
  readonly health?: Health | undefined
  /** New limits are recorded, and not yet known to be in the kernel. */
  readonly limitsPending?: boolean | undefined
  /** Frozen by a commit that has not ended. */
  readonly pausedForCommit?: boolean | undefined
  readonly restartCount: number
  /** The user stopped it: `unless-stopped` and `always` do not start it again at once. */
  readonly manuallyStopped: boolean
  readonly unfinished?: Unfinished | undefined
}

export interface ContainerTable {
  all(): ContainerDocument[]
  save(document: ContainerDocument): void
  delete(id: string): void
}

export function containerTable(database: StateDatabase): ContainerTable {
  return {
    all: () =>
      database
        .prepare('SELECT doc FROM containers ORDER BY rowid')
        .all()
        .map((row) => JSON.parse(String(row['doc'])) as ContainerDocument),
    save(document) {
      database
        .prepare(
          'INSERT INTO containers (id, name, doc) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, doc = excluded.doc',
        )
        .run(document.id, document.name, JSON.stringify(document))
    },
    delete(id) {
      database.prepare('DELETE FROM containers WHERE id = ?').run(id)
    },
  }
}
