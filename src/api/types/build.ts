/**
 * Building images: the extension `POST /mycompose/build`. The body is a BuildRequest, the answer a stream of BuildMessages,
 * one JSON object a line, whose last is `result` or `error`. The classic `POST /build` of the Docker Engine API becomes a
 * BuildRequest in the server. Types only.
 */
import type { Ulimit } from './container.ts'
import type { AuthConfig } from './image.ts'

/** What `--from=`, a mount's `from=` and the main context may be. */
export type BuildSource =
  /** A folder of the engine's machine, read in place. Absolute. */
  | { readonly kind: 'directory'; readonly path: string }
  /** "https://host/repo.git#ref:subdir", "git@host:repo.git#ref" */
  | { readonly kind: 'git'; readonly url: string }
  /** A tar (also compressed) or a Dockerfile behind http(s). */
  | { readonly kind: 'http'; readonly url: string }
  /** A tar file of the engine's machine, plain or compressed. Absolute. */
  | { readonly kind: 'tar'; readonly path: string }
  /** "docker-image://web:1", without the scheme. */
  | { readonly kind: 'image'; readonly reference: string }
  /** A folder that holds an OCI layout; `reference`: its tag or digest. */
  | { readonly kind: 'oci-layout'; readonly path: string; readonly reference?: string }

/** "type=registry,ref=web:cache,mode=max" taken apart. */
export interface BuildCacheOption {
  readonly type: string
  readonly options: Readonly<Record<string, string>>
}

export interface BuildRequest {
  readonly context: BuildSource
  /** Within the context, or absolute on the engine's machine. Default "Dockerfile" (then "dockerfile"). */
  readonly dockerfile?: string
  readonly dockerfileInline?: string
  /** What messages call the Dockerfile: "./web/Dockerfile". */
  readonly dockerfileLabel?: string
  readonly target?: string
  /** Values are final: the client has looked up what had none. */
  readonly args?: Readonly<Record<string, string>>
  readonly tags?: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
  readonly additionalContexts?: Readonly<Record<string, BuildSource>>
  readonly secrets?: readonly { readonly id: string; readonly valueBase64: string }[]
  /** Sockets of agents on the engine's machine. Id "default" is what `--mount=type=ssh` means without one. */
  readonly ssh?: readonly { readonly id: string; readonly socketPath: string }[]
  /** "default", "none", "host", or the name of a network. */
  readonly network?: string
  /** "name=address" or "name:address"; "host-gateway" too. */
  readonly extraHosts?: readonly string[]
  readonly shmSizeBytes?: number
  readonly ulimits?: readonly Ulimit[]
  readonly memoryBytes?: number
  readonly cgroupParent?: string
  /** "security.insecure", "network.host". */
  readonly entitlements?: readonly string[]
  readonly privileged?: boolean
  /** "linux/amd64". Only those that this machine runs. */
  readonly platforms?: readonly string[]
  /** Ask the registries for newer base images. */
  readonly pull?: boolean
  readonly noCache?: boolean
  /** Names of stages that are built anew. */
  readonly noCacheFilter?: readonly string[]
  readonly cacheFrom?: readonly BuildCacheOption[]
  readonly cacheTo?: readonly BuildCacheOption[]
  /** Lint only: nothing is built. */
  readonly check?: boolean
  /** Logins by registry, as X-Registry-Config has them. */
  readonly registryAuth?: Readonly<Record<string, AuthConfig>>
}

/** 1-based; `endColumn` is the first column behind it. */
export interface SourceRange {
  readonly line: number
  readonly column: number
  readonly endLine: number
  readonly endColumn: number
}

/** A place in a Dockerfile with the lines around it, ready to be shown. */
export interface SourceExcerpt {
  /** As the user knows it: "./web/Dockerfile". */
  readonly file: string
  readonly range: SourceRange
  readonly firstLine: number
  readonly lines: readonly string[]
}

export type BuildMessage =
  /** A step of the graph is known. `id` is unique in this build. `number` counts them from 1 as they are shown. */
  | {
      readonly kind: 'step'
      readonly id: string
      /** "[web 2/5] RUN npm ci", "[internal] load build context" */
      readonly name: string
      readonly stage?: string
      readonly inputs: readonly string[]
    }
  | { readonly kind: 'started'; readonly id: string; readonly timeMs: number }
  | {
      readonly kind: 'ended'
      readonly id: string
      readonly timeMs: number
      readonly cached: boolean
      readonly error?: string
      readonly canceled?: boolean
    }
  /** What a command printed; `data` may end within a line and holds whatever bytes, UTF-8 with U+FFFD for what is none. */
  | { readonly kind: 'output'; readonly id: string; readonly stream: 'stdout' | 'stderr'; readonly data: string }
  /** Bytes or counts of something within a step: a layer that is pulled, a context that is read. */
  | {
      readonly kind: 'progress'
      readonly id: string
      readonly part: string
      readonly current: number
      readonly total?: number
      readonly unit: 'bytes' | 'files'
    }
  /** A finding of a lint check, or another warning (unused build arguments). */
  | {
      readonly kind: 'warning'
      /** "JSONArgsRecommended" */
      readonly rule?: string
      readonly message: string
      readonly description?: string
      readonly source?: SourceExcerpt
    }
  | { readonly kind: 'result'; readonly imageId?: string; readonly tags: readonly string[]; readonly warnings: number }
  | {
      readonly kind: 'error'
      readonly message: string
      /** Stable: DOCKERFILE_SYNTAX, BUILD_STEP_FAILED ... */
      readonly code: string
      readonly hint?: string
      /** The step that failed. */
      readonly id?: string
      readonly exitCode?: number
      readonly source?: SourceExcerpt
      /** The end of what the failing command printed. */
      readonly tail?: readonly string[]
    }

/** One record of the build cache, in `GET /system/df` and `mycompose build prune`'s answer. */
export interface BuildCacheRecord {
  readonly ID: string
  readonly Type: 'regular' | 'internal' | 'source.local' | 'exec.cachemount' | 'source.git.checkout' | 'frontend'
  readonly Description: string
  readonly InUse: boolean
  readonly Shared: boolean
  readonly Size: number
  /** RFC 3339. */
  readonly CreatedAt: string
  readonly LastUsedAt: string | null
  readonly UsageCount: number
}

/** `POST /build/prune`. */
export interface BuildPruneResponse {
  readonly CachesDeleted: readonly string[]
  readonly SpaceReclaimed: number
}
