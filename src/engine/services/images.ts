/** What the engine keeps of images, and what it does with registries. */
import type { Readable } from 'node:stream'
import type {
  BootstrapRequest,
  ContainerConfig,
  DistributionInspect,
  ImageConfig,
  ImageDeleteResponse,
  ImageHistoryItem,
  ImageInspect,
  ImageSummary,
  ProgressMessage,
} from '../../api/types/index.ts'
import type { Filters } from './filters.ts'

/** What images take on the disk. */
export interface ImagesUsage {
  /** Each layer once. */
  readonly layerBytes: number
  /** With their SharedSize. */
  readonly images: readonly ImageSummary[]
  /** The bytes that layers came in, kept for push and save; `reclaimableBytes`: of those that nothing speaks of. */
  readonly blobs: { readonly count: number; readonly sizeBytes: number; readonly reclaimableBytes: number }
}

export interface ResolvedImage {
  /** "sha256:<config digest>" */
  readonly id: string
  readonly config: ImageConfig
  /** Chain ids ("sha256:..."), lowest layer first. */
  readonly chainIds: readonly string[]
  /** Digest that names the content for `com.docker.compose.image`. */
  readonly digest: string
}

/** What `X-Registry-Auth` says. */
export interface RegistryCredentials {
  readonly username?: string
  readonly password?: string
  /** A refresh token (OAuth2). */
  readonly identityToken?: string
  /** A bearer token, used as it is. */
  readonly registryToken?: string
}

/** A container's write layer as an image. */
export interface CommitRequest {
  /** What the container was made from. */
  readonly parent: { readonly id: string; readonly chainIds: readonly string[] }
  readonly config: ContainerConfig
  readonly createdBy: string
  readonly author: string | undefined
  readonly comment: string | undefined
  readonly reference: string | undefined
}

/** An image whose layers are all in the store. */
export interface BuiltImage {
  /** Lowest first. */
  readonly chainIds: readonly string[]
  /** Its diff ids are those of the layers. */
  readonly config: ImageConfig
  /** "web:1"; they are moved here. */
  readonly tags: readonly string[]
}

export interface ImageService {
  list(options: { readonly all: boolean; readonly filters: Filters }): Promise<ImageSummary[]>
  /** `platform`: of a name with several; PLATFORM_MISSING when it has none for it. */
  inspect(reference: string, platform?: string): Promise<ImageInspect>
  /** Newest step first. */
  history(reference: string, platform?: string): Promise<ImageHistoryItem[]>
  /**
   * By name, id or unique prefix of an id. Of a name with several platforms the one for `platform`, else what it means.
   * NotFoundError "No such image: x" with a hint.
   */
  resolve(reference: string, platform?: string): Promise<ResolvedImage>
  /** Refuses (409) while a container uses it, unless forced (then only untags). */
  remove(
    reference: string,
    options: { readonly force: boolean; readonly noPrune: boolean },
  ): Promise<ImageDeleteResponse>
  diskUsage(): Promise<ImagesUsage>
  /** What no container uses: untagged images, with `dangling=false` named ones too; stray blobs and begun downloads. */
  prune(filters: Filters): Promise<{ readonly ImagesDeleted: ImageDeleteResponse; readonly SpaceReclaimed: number }>
  tag(reference: string, repository: string, tag: string): Promise<void>
  /** One layer from a tar stream (plain, gzip or zstd), configured by Dockerfile instructions. Returns the image id. */
  import(
    source: Readable,
    options: { readonly reference?: string; readonly changes: readonly string[]; readonly message?: string },
    progress: (message: ProgressMessage) => void,
  ): Promise<string>
  /** From its registry. Returns the last line for the user ("Status: Downloaded newer image for web:1"). */
  pull(
    reference: string,
    options: {
      readonly platform?: string
      readonly credentials?: RegistryCredentials
      readonly signal: AbortSignal
    },
    progress: (message: ProgressMessage) => void,
  ): Promise<string>
  /**
   * To the registry that its name says (without a tag: all names of that repository): the index that the name stands for, as far as its platforms are here. A platform:
   * only that one. All platforms: PLATFORM_MISSING when any is not here.
   */
  push(
    name: string,
    options: {
      readonly tag?: string | undefined
      readonly platform?: string | undefined
      readonly allPlatforms?: boolean | undefined
      readonly credentials?: RegistryCredentials | undefined
      readonly signal: AbortSignal
    },
    progress: (message: ProgressMessage) => void,
  ): Promise<void>
  /**
   * A tar that docker and OCI tools read. A repository without a tag means all its tags. All errors but those of the disk
   * come before the tar, which must be read or destroyed.
   */
  save(
    references: readonly string[],
    options: { readonly platform?: string | undefined; readonly signal: AbortSignal },
  ): Promise<Readable>
  /** From a docker archive or an OCI layout in a tar. Messages: "Loaded image: web:1". */
  load(
    source: Readable,
    options: { readonly platform?: string | undefined; readonly quiet: boolean; readonly signal: AbortSignal },
    progress: (message: ProgressMessage) => void,
  ): Promise<void>
  /** `layer`: a tar with OCI whiteouts. Returns the image id. */
  commit(layer: Readable, request: CommitRequest): Promise<string>
  /** Records what was built. Returns the image id; nothing is written when image and names are there already. */
  addBuilt(image: BuiltImage): Promise<string>
  /** Runs work that writes blobs: none that nothing speaks of goes meanwhile. */
  holdBlobs<T>(work: () => Promise<T>): Promise<T>
  /** What a name means at its registry now. */
  distribution(
    reference: string,
    options: { readonly credentials?: RegistryCredentials; readonly signal: AbortSignal },
  ): Promise<DistributionInspect>
  /**
   * Asks the registry ("docker.io", "https://index.docker.io/v1/", "localhost:5000") whether it takes the login; returns
   * the lasting token that it gave for it, if any. Throws ApiError (401) LOGIN_REFUSED.
   */
  login(registry: string, credentials: RegistryCredentials, signal: AbortSignal): Promise<string | undefined>
  bootstrap(
    request: BootstrapRequest,
    progress: (message: ProgressMessage) => void,
    signal: AbortSignal,
  ): Promise<string>
  /** Removes what no image speaks of since long. */
  recover(): Promise<void>
}
