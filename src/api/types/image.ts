/** Images in the Docker Engine API (v1.51), and the OCI image configuration. Types only. */
import type { ContainerConfig } from './container.ts'

/** An OCI/Docker image configuration blob (image-spec config.md), with Docker's extensions inside `config`. */
export interface ImageConfig {
  readonly created?: string
  readonly author?: string
  readonly architecture: string
  readonly os: string
  readonly variant?: string
  readonly config?: ContainerConfig
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly string[] }
  readonly history?: readonly {
    readonly created?: string
    readonly created_by?: string
    readonly author?: string
    readonly comment?: string
    readonly empty_layer?: boolean
  }[]
}

export interface ImageSummary {
  /** "sha256:..." */
  readonly Id: string
  readonly ParentId: string
  readonly RepoTags: readonly string[]
  readonly RepoDigests: readonly string[]
  /** Unix seconds. */
  readonly Created: number
  readonly Size: number
  readonly SharedSize: number
  readonly Labels: Readonly<Record<string, string>> | null
  readonly Containers: number
  /** Extension: "linux/arm64/v8". */
  readonly Platform?: string
  /** Extension: names that mean another image, and have this one for its platform. Such an image is not dangling. */
  readonly PlatformOf?: readonly string[]
}

export interface ImageInspect {
  readonly Id: string
  readonly RepoTags: readonly string[]
  readonly RepoDigests: readonly string[]
  readonly Parent: string
  readonly Comment: string
  readonly Created: string
  readonly Author: string
  readonly Config: ContainerConfig
  readonly Architecture: string
  readonly Variant?: string
  readonly Os: string
  readonly Size: number
  readonly GraphDriver: { readonly Name: string; readonly Data: Readonly<Record<string, string>> }
  readonly RootFS: { readonly Type: 'layers'; readonly Layers: readonly string[] }
  readonly Metadata: { readonly LastTagTime: string }
}

/** One step of `GET /images/{name}/history`, newest first. */
export interface ImageHistoryItem {
  /** "<missing>" for all but the image itself. */
  readonly Id: string
  /** Unix seconds. */
  readonly Created: number
  readonly CreatedBy: string
  readonly Tags: readonly string[] | null
  readonly Size: number
  readonly Comment: string
}

export type ImageDeleteResponse = readonly ({ readonly Untagged: string } | { readonly Deleted: string })[]

/** One line of a progress stream (pull, import, load, bootstrap). */
export interface ProgressMessage {
  readonly status?: string
  readonly id?: string
  readonly progress?: string
  readonly progressDetail?: { readonly current?: number; readonly total?: number }
  readonly stream?: string
  readonly error?: string
  /** `reason` and `hint` are an extension: the stable code and the hint of the MycomposeError behind it. */
  readonly errorDetail?: {
    readonly message: string
    readonly code?: number
    readonly reason?: string
    readonly hint?: string
  }
  /** The end of a push is { Tag, Digest, Size }; `Missing` is an extension: platforms of the index that were not here. */
  readonly aux?: Readonly<Record<string, unknown>> & { readonly Missing?: readonly string[] }
}

/** Body of the extension `POST /mycompose/images/bootstrap`; the answer is a stream of ProgressMessage. */
export interface BootstrapRequest {
  /** "debian:bookworm-slim": distribution and suite, the tag that the image gets unless `Tag` names another. */
  readonly Reference: string
  readonly Tag?: string
  /** Packages to install besides; they become a layer over the shared base. */
  readonly Include?: readonly string[]
  /** Dockerfile instructions for the configuration: 'CMD ["nginx"]', 'ENV A=b', 'EXPOSE 80'. */
  readonly Changes?: readonly string[]
}

/** Body of `POST /auth`, and in base64url the header `X-Registry-Auth`. */
export interface AuthConfig {
  readonly username?: string
  readonly password?: string
  /** A lasting token (OAuth2 refresh token) in place of a password. */
  readonly identitytoken?: string
  /** A bearer token, used as it is. */
  readonly registrytoken?: string
  readonly serveraddress?: string
}

export interface AuthResponse {
  readonly Status: string
  /** "" when the registry gives none. */
  readonly IdentityToken: string
}

/** Answer of `GET /distribution/{name}/json`: what a name means at its registry. */
export interface DistributionInspect {
  readonly Descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number }
  readonly Platforms: readonly { readonly os: string; readonly architecture: string; readonly variant?: string }[]
}
