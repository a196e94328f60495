/**
 * The services of the engine and what they promise each other. api/server calls them; containers/ uses images, layers,
 * volumes and networks. All throw MycomposeErrors: NotFoundError (404), ConflictError (409), InvalidRequestError (400).
 * Each service also has `recover()`, called once at engine start, in the order layers, images, volumes, networks, containers.
 */
import type { Readable, Writable } from 'node:stream'
import type {
  BootstrapRequest,
  ContainerChange,
  ContainerConfig,
  ContainerCreateRequest,
  ContainerCreateResponse,
  ContainerInspect,
  ContainerStats,
  ContainerSummary,
  ContainerUpdateRequest,
  DistributionInspect,
  EndpointSettings,
  ExecCreateRequest,
  ExecInspect,
  ExecStartRequest,
  ImageConfig,
  ImageDeleteResponse,
  ImageHistoryItem,
  ImageInspect,
  ImageSummary,
  NetworkCreateRequest,
  NetworkInspect,
  ProgressMessage,
  Volume,
  VolumeCreateRequest,
  WaitResponse,
} from '../api/types/index.ts'

/** What images take on the disk. */
export interface ImagesUsage {
  /** Each layer once. */
  readonly layerBytes: number
  /** With their SharedSize. */
  readonly images: readonly ImageSummary[]
  /** The bytes that layers came in, kept for push and save; `reclaimableBytes`: of those that nothing speaks of. */
  readonly blobs: { readonly count: number; readonly sizeBytes: number; readonly reclaimableBytes: number }
}

/** Parsed `filters` of a list request: name -> values; unknown names are InvalidRequestErrors. */
export type Filters = Readonly<Record<string, readonly string[]>>

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

export interface ImageService {
  list(options: { readonly all: boolean; readonly filters: Filters }): Promise<ImageSummary[]>
  inspect(reference: string): Promise<ImageInspect>
  /** Newest step first. */
  history(reference: string): Promise<ImageHistoryItem[]>
  /** By name, id or unique prefix of an id. NotFoundError "No such image: x" with a hint. */
  resolve(reference: string): Promise<ResolvedImage>
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
  /** To the registry that its name says. */
  push(
    name: string,
    options: {
      readonly tag?: string | undefined
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

export interface LayerService {
  /** Makes containers/<id>/{upper,work,merged}; nothing is mounted. Idempotent. */
  prepare(containerId: string, chainIds: readonly string[]): Promise<void>
  /** Mounts (if it is not) and returns the root file system's path. */
  mount(containerId: string): Promise<string>
  /** Unmounts; idempotent; the write layer stays. */
  unmount(containerId: string): Promise<void>
  /**
   * Unmounts, and lets go of the layers below: from here on it cannot be mounted any more. The caller removes the folder.
   * Idempotent.
   */
  release(containerId: string): Promise<void>
  /** Releases it and deletes the container's folder. Idempotent. */
  remove(containerId: string): Promise<void>
  /** Bytes in the write layer. */
  sizeBytes(containerId: string): Promise<number>
  /** What it has written, as a layer's tar. Throws UnsupportedError where write layers are whole copies (vfs). */
  writeLayer(containerId: string): Readable
  /** What it has written, against what lies below. Throws UnsupportedError (vfs). */
  changes(containerId: string): Promise<ContainerChange[]>
  /** The whole content of an image, read-only, on the folder `target`, which is made; idempotent. Undone by umount. */
  mountImage(chainIds: readonly string[], target: string): Promise<void>
  /** A read-only look into an image without a container, e.g. to copy a volume's first content. */
  withImageMounted<T>(chainIds: readonly string[], work: (root: string) => Promise<T>): Promise<T>
  recover(): Promise<void>
}

export interface MountedVolume {
  readonly path: string
  /** By the driver options, just now or for another container. */
  readonly isMounted: boolean
  /** By the driver options. */
  readonly readOnly: boolean
}

export interface VolumeService {
  list(filters: Filters): Promise<Volume[]>
  inspect(name: string): Promise<Volume>
  /** Returns the existing one when name and driver agree; 409 when its options differ. Name absent: anonymous. */
  create(request: VolumeCreateRequest, options?: { readonly madeFor?: string }): Promise<Volume>
  /** Removes the anonymous volumes that were made for a container which did not come to be. */
  removeMadeFor(containerId: string): Promise<void>
  /** 409 while a container (running or not) refers to it. */
  remove(name: string, options: { readonly force: boolean }): Promise<void>
  /** As `list`, with their sizes. */
  diskUsage(): Promise<Volume[]>
  prune(filters: Filters): Promise<{ readonly VolumesDeleted: readonly string[]; readonly SpaceReclaimed: number }>
  /**
   * Fills an empty volume with the folder `path` of the mounted root file system (content, owners, modes, xattrs; the
   * volume's own root takes the folder's owner and mode). Nothing happens when it is not empty or the path is absent.
   * InvalidRequestError when the path is a file.
   */
  copyUp(name: string, rootfs: string, path: string): Promise<void>
  /**
   * Where its content is, for a container that is to start: what the driver options name is mounted now, and stays until
   * the last container has released it. Throws VOLUME_MOUNT.
   */
  mount(name: string, containerId: string): Promise<MountedVolume>
  /** That container does not run any more, or was not started after all. Idempotent; an unknown name is none. */
  release(name: string, containerId: string): Promise<void>
  /** `live`: containers that run. Mounts that none of them uses go. */
  recover(live: readonly string[]): Promise<void>
}

/** What one container wants of the networks; kept with the container. */
export interface SandboxRequest {
  readonly containerId: string
  /** Without "/". */
  readonly containerName: string
  readonly hostname: string
  /** Network name or id -> wish. Empty for none. */
  readonly endpoints: Readonly<Record<string, EndpointSettings>>
  /** HostConfig.PortBindings and Config.ExposedPorts. */
  readonly portBindings: Readonly<Record<string, readonly { readonly HostIp?: string; readonly HostPort?: string }[]>>
  readonly publishAll: boolean
  readonly exposedPorts: readonly string[]
  /** User's own resolvers, asked from the container's namespace; empty: the host's. */
  readonly dns: readonly string[]
}

/** What it got. */
export interface Sandbox {
  /** File that holds the namespace: goes into the OCI spec. */
  readonly netnsPath: string
  /** By network name, filled in (addresses, gateway, mac, ids, DNSNames). */
  readonly endpoints: Readonly<Record<string, EndpointSettings>>
  /** "80/tcp" -> what it is reached at on the host. */
  readonly ports: Readonly<Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>>
  /** True when the embedded resolver at 127.0.0.11 serves it (all but network none). */
  readonly embeddedDns: boolean
  readonly ipv6: boolean
}

export interface NetworkService {
  list(filters: Filters): Promise<NetworkInspect[]>
  inspect(nameOrId: string): Promise<NetworkInspect>
  create(request: NetworkCreateRequest): Promise<{ readonly Id: string; readonly Warning: string }>
  /** 409 (403 in Docker) while endpoints exist. */
  remove(nameOrId: string): Promise<void>
  /** Checks names, addresses and ports without touching the kernel; used at container create. */
  validate(request: SandboxRequest): Promise<void>
  /** A namespace with an interface per endpoint, DNS, published ports. Undone whole when a part fails. */
  openSandbox(request: SandboxRequest): Promise<Sandbox>
  /** Idempotent: ports, addresses, links, resolver, namespace. */
  closeSandbox(containerId: string): Promise<void>
  /** The open sandbox, or undefined. */
  sandbox(containerId: string): Sandbox | undefined
  /** Of a container with an open sandbox; for all others see ContainerService.connectNetwork. */
  connect(network: string, containerId: string, endpoint: EndpointSettings): Promise<void>
  disconnect(network: string, containerId: string, force: boolean): Promise<void>
  /** New name after a container was renamed (the DNS zone and inspect follow). */
  renameContainer(containerId: string, name: string): Promise<void>
  /** Re-creates what the kernel lost, takes up what lives, removes what belongs to no container of `live`. */
  recover(live: readonly { readonly containerId: string; readonly pid: number }[]): Promise<void>
  /** Stops resolvers and releases sockets at engine stop; containers go on. */
  shutdown(): Promise<void>
}

/** What LogConfig.Type may be. */
export const LOG_DRIVERS = ['json-file', 'local', 'none', 'journald', 'syslog'] as const
export type LogDriver = (typeof LOG_DRIVERS)[number]
export const DEFAULT_LOG_DRIVER = 'json-file'

export interface LogOptions {
  readonly stdout: boolean
  readonly stderr: boolean
  readonly follow: boolean
  readonly timestamps: boolean
  /** Each line with the container's log attributes (labels, env). */
  readonly details?: boolean
  /** Undefined: all. */
  readonly tail: number | undefined
  /** Unix milliseconds. */
  readonly sinceMs: number | undefined
  readonly untilMs: number | undefined
  /**
   * Following: ends when the container has exited (at once when it has, never before it was started) and all of its
   * output is written. The API always sets it.
   */
  readonly untilExit?: boolean
}

/** The byte streams of an exec or attach as the engine holds them; with a terminal all output is `output`. */
export interface StdioSession {
  readonly tty: boolean
  /** Where the client's input goes; null when none was asked for. */
  readonly input: Writable | null
  /** Frames "stdout"/"stderr" when !tty; raw when tty. */
  onOutput(listener: (stream: 'stdout' | 'stderr', chunk: Buffer) => void): void
  /** Resolves when output has ended and the process is gone. */
  readonly ended: Promise<void>
  /** False: the client reads slower than the process writes; stop reading its output until true. */
  setFlowing?(flowing: boolean): void
  /** The client went away. */
  hangUp(): void
  /** The client asked by its keys to leave; the process goes on. */
  detach(): void
}

/** Which streams of a container's first process a client is joined with. */
export interface AttachRequest {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
}

export interface CommitOptions {
  /** "web:1"; undefined: the image has no name. */
  readonly reference: string | undefined
  readonly author: string | undefined
  readonly comment: string | undefined
  /** Dockerfile instructions. */
  readonly changes: readonly string[]
  /** Freeze it meanwhile when it runs. */
  readonly pause: boolean
  /** Goes over the container's own. */
  readonly config: ContainerConfig
}

export interface ContainerService {
  create(
    request: ContainerCreateRequest,
    options: { readonly name?: string; readonly platform?: string },
  ): Promise<ContainerCreateResponse>
  list(options: {
    readonly all: boolean
    readonly limit?: number
    readonly size: boolean
    readonly filters: Filters
  }): Promise<ContainerSummary[]>
  /** By id, unique prefix, or name. */
  inspect(idOrName: string, options?: { readonly size?: boolean }): Promise<ContainerInspect>
  /** False when it runs already (304). Exit code 126/127 texts as the API has them. */
  start(idOrName: string): Promise<boolean>
  /** False when it was stopped already (304). */
  stop(idOrName: string, options: { readonly timeoutSeconds?: number; readonly signal?: string }): Promise<boolean>
  restart(idOrName: string, options: { readonly timeoutSeconds?: number }): Promise<void>
  kill(idOrName: string, signal: string): Promise<void>
  pause(idOrName: string): Promise<void>
  unpause(idOrName: string): Promise<void>
  rename(idOrName: string, name: string): Promise<void>
  /** Of one that does not run, only the wish changes: it has effect at its start. Throws as NetworkService.connect. */
  connectNetwork(idOrName: string, network: string, endpoint: EndpointSettings): Promise<void>
  disconnectNetwork(idOrName: string, network: string, force: boolean): Promise<void>
  /** 409 when running and not forced. `volumes`: anonymous ones go too. */
  remove(idOrName: string, options: { readonly force: boolean; readonly volumes: boolean }): Promise<void>
  wait(idOrName: string, condition: 'not-running' | 'next-exit' | 'removed', signal: AbortSignal): Promise<WaitResponse>
  /**
   * Writes the log to `sink` as the API has it: frames of 8-byte headers, or raw with a terminal. Honours
   * back-pressure; ends when the log ends (or, following, when the container is removed or `signal` fires).
   */
  logs(idOrName: string, options: LogOptions, sink: Writable, signal: AbortSignal): Promise<void>
  /** Whether the container has a terminal (decides the content type of logs and attach). */
  hasTty(idOrName: string): Promise<boolean>
  /** True while it runs. */
  isRunning(containerId: string): boolean
  createExec(idOrName: string, request: ExecCreateRequest): Promise<{ readonly Id: string }>
  /** Joins a client with the first process, of a container that is yet to start too. Throws ConflictError. */
  attach(idOrName: string, request: AttachRequest): Promise<StdioSession>
  /** The size of its terminal. Throws ConflictError when it does not run, InvalidRequestError without a terminal. */
  resize(idOrName: string, rows: number, columns: number): Promise<void>
  startExec(execId: string, request: ExecStartRequest): Promise<StdioSession | undefined>
  inspectExec(execId: string): Promise<ExecInspect>
  resizeExec(execId: string, rows: number, columns: number): Promise<void>
  /** `tar` is unpacked into the container's `path` (before or after start), resolved inside its root. */
  putArchive(
    idOrName: string,
    path: string,
    tar: Readable,
    /**
     * `keepKinds`: a folder never takes the place of something else, nor the other way round. `toUser`: all of it
     * becomes the container's user's, where one is configured; else the owners in the tar count.
     */
    options: { readonly keepKinds: boolean; readonly toUser?: boolean },
  ): Promise<void>
  getArchive(idOrName: string, path: string): Promise<{ readonly stat: string; readonly tar: Readable }>
  /** A new image from what it has written. Returns the image id. */
  commit(idOrName: string, options: CommitOptions): Promise<string>
  changes(idOrName: string): Promise<ContainerChange[]>
  /** A tar of its root file system without volumes, which must be read or destroyed. */
  export(idOrName: string): Promise<Readable>
  top(
    idOrName: string,
    psArgs: string,
  ): Promise<{ readonly Titles: readonly string[]; readonly Processes: readonly (readonly string[])[] }>
  /** New limits and restart policy; answers warnings. 409 for options that exclude each other. */
  update(idOrName: string, request: ContainerUpdateRequest): Promise<string[]>
  /** One sample; zeroes for one that does not run. */
  stats(idOrName: string): Promise<ContainerStats>
  /** Container ids that refer to the volume, image id or network id, running or not. */
  usersOf(what: {
    readonly volume?: string
    readonly imageId?: string
    readonly networkId?: string
  }): readonly { readonly id: string; readonly name: string; readonly running: boolean }[]
  /** Containers whose process lives, as state and kernel (pid, start time) agree; before recover() too. */
  live(): readonly { readonly containerId: string; readonly pid: number }[]
  recover(): Promise<void>
  /**
   * The machine goes down: ends every container as `stop` does, but not as a user's wish, so that restart policies start
   * them again at the next boot. Nothing can be started after it. Failures are logged.
   */
  halt(options: { readonly maxGraceSeconds: number }): Promise<void>
  /** Stops watching; containers go on. */
  shutdown(): Promise<void>
}
