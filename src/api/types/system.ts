/** System resources of the Docker Engine API (v1.51), and the engine's own status. Types only. */

import type { BuildCacheRecord } from './build.ts'
import type { ContainerSummary } from './container.ts'
import type { ImageDeleteResponse, ImageSummary } from './image.ts'
import type { Volume } from './volume.ts'

export const API_VERSION = '1.51'
export const MIN_API_VERSION = '1.24'

export interface ErrorResponse {
  readonly message: string
  /** Extension: the stable code and the hint of the MycomposeError behind the answer. */
  readonly code?: string
  readonly hint?: string
}

/** One line of `GET /events`. */
export interface EventMessage {
  readonly Type: 'container' | 'image' | 'network' | 'volume' | 'daemon'
  readonly Action: string
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> }
  readonly scope: 'local'
  /** Unix seconds. */
  readonly time: number
  readonly timeNano: number
  readonly status?: string
  readonly id?: string
  readonly from?: string
}

export interface VersionResponse {
  readonly Platform: { readonly Name: string }
  readonly Components: readonly {
    readonly Name: string
    readonly Version: string
    readonly Details?: Readonly<Record<string, string>>
  }[]
  readonly Version: string
  readonly ApiVersion: string
  readonly MinAPIVersion: string
  readonly GitCommit: string
  readonly Os: string
  readonly Arch: string
  readonly KernelVersion: string
  readonly BuildTime: string
}

/** `GET /system/df`. */
export interface DiskUsage {
  /** Each layer once. */
  readonly LayersSize: number
  readonly Images: readonly ImageSummary[]
  readonly Containers: readonly ContainerSummary[]
  readonly Volumes: readonly Volume[]
  readonly BuildCache: readonly BuildCacheRecord[]
  /** Extension: what layers came in, kept for push and save; what of it nothing speaks of. */
  readonly Blobs?: { readonly Count: number; readonly Size: number; readonly Reclaimable: number }
}

/** Answers of the prune requests. */
export interface ContainersPruned {
  readonly ContainersDeleted: readonly string[] | null
  readonly SpaceReclaimed: number
}

export interface NetworksPruned {
  readonly NetworksDeleted: readonly string[] | null
}

export interface VolumesPruned {
  readonly VolumesDeleted: readonly string[] | null
  readonly SpaceReclaimed: number
}

export interface ImagesPruned {
  readonly ImagesDeleted: ImageDeleteResponse | null
  readonly SpaceReclaimed: number
}

/** Answer of the extension `GET /mycompose/status`. */
export interface EngineStatus {
  readonly Version: string
  readonly Pid: number
  readonly Root: string
  readonly Socket: string
  readonly StartedAt: string
  readonly Containers: number
  readonly Running: number
  readonly MemoryRssBytes: number
  readonly Runtime: string
  readonly CgroupLayout: 'v1' | 'hybrid' | 'v2'
}

/** One finding of `doctor` (extension `GET /mycompose/doctor`, and the CLI's own checks). */
export interface DoctorFinding {
  readonly check: string
  readonly status: 'ok' | 'warning' | 'failed'
  readonly message: string
  /** The command that mends it. */
  readonly fix?: string
}
