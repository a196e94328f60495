/**
 * `services.X.build` in canonical form. Source: the Compose Build Specification. Types only.
 */
import type { ExtraHost, Extensions, ServiceFile, Ulimit } from './model.ts'

export interface BuildConfig {
  /** Absolute path, or a URL as written. */
  readonly context: string
  /** Relative to the context, or absolute. */
  readonly dockerfile?: string
  readonly dockerfileInline?: string
  /** null (with `config --no-normalize` only): the project's variable of that name. */
  readonly args?: Readonly<Record<string, string | null>>
  /** Absolute path, URL, "docker-image://REF" or "service:NAME". */
  readonly additionalContexts?: Readonly<Record<string, string>>
  readonly cacheFrom?: readonly string[]
  readonly cacheTo?: readonly string[]
  readonly entitlements?: readonly string[]
  readonly extraHosts?: readonly ExtraHost[]
  readonly isolation?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly network?: string
  readonly noCache?: boolean
  readonly noCacheFilter?: readonly string[]
  readonly platforms?: readonly string[]
  readonly privileged?: boolean
  readonly provenance?: string
  readonly pull?: boolean
  readonly sbom?: string
  /** `target` is the id in the Dockerfile. */
  readonly secrets?: readonly ServiceFile[]
  /** Bytes. */
  readonly shmSize?: number
  /** Id -> path of a key or agent socket; "" is the agent of the user. */
  readonly ssh?: Readonly<Record<string, string>>
  readonly tags?: readonly string[]
  readonly target?: string
  readonly ulimits?: Readonly<Record<string, Ulimit>>
  readonly extensions?: Extensions
}
