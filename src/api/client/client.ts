/**
 * The client side of the contract, as project/ and cli/ use it: the Docker Engine API over a unix socket (ours, or a
 * dockerd's or Podman's through DOCKER_HOST). Failures are ApiErrors with the status, except NotFoundError (404) and
 * ConflictError (409); an engine that cannot be reached is a MycomposeError ENGINE_UNREACHABLE. Types only;
 * connect.ts makes one.
 */
import type { Readable, Writable } from 'node:stream'
import type { BuildMessage, BuildPruneResponse, BuildRequest } from '../types/build.ts'
import type {
  AuthConfig,
  AuthResponse,
  BootstrapRequest,
  ContainerCreateRequest,
  ContainerCreateResponse,
  ContainerInspect,
  ContainerStats,
  ContainerSummary,
  ContainersPruned,
  DiskUsage,
  DistributionInspect,
  DoctorFinding,
  EndpointSettings,
  EngineStatus,
  EventMessage,
  ExecCreateRequest,
  ExecInspect,
  ImageDeleteResponse,
  ImageHistoryItem,
  ImageInspect,
  ImagesPruned,
  ImageSummary,
  NetworkCreateRequest,
  NetworkInspect,
  NetworksPruned,
  ProgressMessage,
  VersionResponse,
  Volume,
  VolumeCreateRequest,
  VolumesPruned,
  WaitResponse,
} from '../types/index.ts'

/** name -> values, e.g. { label: ["com.docker.compose.project=p"] }. */
export type ListFilters = Readonly<Record<string, readonly string[]>>

export interface LogRequest {
  readonly stdout?: boolean
  readonly stderr?: boolean
  readonly follow?: boolean
  readonly timestamps?: boolean
  /** A number of lines or "all". */
  readonly tail?: string
  /** As the API takes them: RFC 3339, unix seconds[.nanoseconds]. */
  readonly since?: string
  readonly until?: string
}

/** Output of a container: whole chunks as they arrive, not lines. With a terminal everything is "stdout". */
export interface OutputChunk {
  readonly stream: 'stdout' | 'stderr'
  readonly data: Buffer
}

/** A started exec or attach. */
export interface StreamSession {
  /** Closing it (end) is end of file for the process, output goes on. */
  readonly input: Writable
  readonly output: AsyncIterable<OutputChunk>
  /** Drops the connection. */
  close(): void
}

export interface AttachOptions {
  readonly tty: boolean
  readonly stdin: boolean
  /** Replay what was said so far, too. */
  readonly logs?: boolean
  /** "ctrl-p,ctrl-q" */
  readonly detachKeys?: string
}

/** Of a path in a container; links are not followed. */
export interface PathStat {
  readonly name: string
  readonly size: number
  readonly isFolder: boolean
  /** Where a link leads; "" for others. */
  readonly linkTarget: string
}

export interface CommitOptions {
  readonly repository?: string
  readonly tag?: string
  readonly author?: string
  readonly comment?: string
  /** Dockerfile instructions. */
  readonly changes?: readonly string[]
  readonly pause: boolean
}

/** Removing what nothing uses. */
export interface PruneApi {
  containers(filters?: ListFilters): Promise<ContainersPruned>
  networks(filters?: ListFilters): Promise<NetworksPruned>
  volumes(filters?: ListFilters): Promise<VolumesPruned>
  images(filters?: ListFilters): Promise<ImagesPruned>
}

export interface BuildsApi {
  /**
   * Extension of our engine; the last message is `result` or `error`. Leaving it, or `abort`, cancels the build; then it
   * ends quietly, with a last message only if there was time for it.
   */
  build(request: BuildRequest, abort?: AbortSignal): AsyncIterable<BuildMessage>
  /** `all`: also what images and cache mounts still use. `keepBytes`: so much may stay. */
  prune(options?: {
    readonly all?: boolean
    readonly keepBytes?: number
    readonly filters?: ListFilters
  }): Promise<BuildPruneResponse>
}

export interface ContainersApi {
  list(options?: {
    readonly all?: boolean
    readonly size?: boolean
    readonly filters?: ListFilters
  }): Promise<ContainerSummary[]>
  inspect(id: string): Promise<ContainerInspect>
  create(
    name: string,
    body: ContainerCreateRequest,
    options?: { readonly platform?: string },
  ): Promise<ContainerCreateResponse>
  /** False when it was running already. */
  start(id: string): Promise<boolean>
  /** False when it was stopped already. */
  stop(
    id: string,
    options?: { readonly timeoutSeconds?: number; readonly signal?: string; readonly abort?: AbortSignal },
  ): Promise<boolean>
  restart(id: string, options?: { readonly timeoutSeconds?: number }): Promise<void>
  kill(id: string, signal: string): Promise<void>
  pause(id: string): Promise<void>
  unpause(id: string): Promise<void>
  rename(id: string, name: string): Promise<void>
  remove(id: string, options?: { readonly force?: boolean; readonly volumes?: boolean }): Promise<void>
  wait(id: string, condition: 'not-running' | 'next-exit' | 'removed', abort?: AbortSignal): Promise<WaitResponse>
  /** As `wait`; resolves once the engine watches, so that what is started after it cannot be missed. */
  watchExit(
    id: string,
    condition: 'not-running' | 'next-exit' | 'removed',
    abort?: AbortSignal,
  ): Promise<{ readonly exit: Promise<WaitResponse> }>
  logs(id: string, request: LogRequest, abort?: AbortSignal): AsyncIterable<OutputChunk>
  /** One sample, at once. */
  stats(id: string): Promise<ContainerStats>
  top(id: string): Promise<{ readonly Titles: readonly string[]; readonly Processes: readonly (readonly string[])[] }>
  /**
   * Joins the first process, also of a container that is yet to start: attach, then start, and no output is missed.
   * `tty` as the container has it.
   */
  attach(id: string, options: AttachOptions): Promise<StreamSession>
  resize(id: string, rows: number, columns: number): Promise<void>
  /** `tar` is unpacked into the folder `path` of the container. */
  putArchive(
    id: string,
    path: string,
    tar: Uint8Array | Readable,
    /** `toUser`: what arrives becomes the container's user's. */
    options?: { readonly abort?: AbortSignal; readonly toUser?: boolean },
  ): Promise<void>
  /** What is at `path`; undefined when there is nothing. */
  statPath(id: string, path: string): Promise<PathStat | undefined>
  /** A tar of what is at `path`, under its last name. Throws NotFoundError. */
  getArchive(id: string, path: string, abort?: AbortSignal): Promise<AsyncIterable<Buffer>>
  /** A new image; returns its id. */
  commit(id: string, options: CommitOptions): Promise<string>
  /** Its root file system as a tar. */
  export(id: string, abort?: AbortSignal): Promise<AsyncIterable<Buffer>>
  createExec(id: string, request: ExecCreateRequest): Promise<string>
  startExec(
    execId: string,
    options: { readonly tty: boolean; readonly consoleSize?: readonly [number, number] },
  ): Promise<StreamSession>
  startExecDetached(execId: string): Promise<void>
  resizeExec(execId: string, rows: number, columns: number): Promise<void>
  inspectExec(execId: string): Promise<ExecInspect>
}

export interface NetworksApi {
  list(filters?: ListFilters): Promise<NetworkInspect[]>
  inspect(nameOrId: string): Promise<NetworkInspect>
  create(body: NetworkCreateRequest): Promise<{ readonly Id: string; readonly Warning?: string }>
  remove(nameOrId: string): Promise<void>
  connect(network: string, container: string, endpoint: EndpointSettings): Promise<void>
  disconnect(network: string, container: string, options?: { readonly force?: boolean }): Promise<void>
}

export interface VolumesApi {
  list(filters?: ListFilters): Promise<Volume[]>
  inspect(name: string): Promise<Volume>
  create(body: VolumeCreateRequest): Promise<Volume>
  remove(name: string, options?: { readonly force?: boolean }): Promise<void>
}

export interface PullRequest {
  readonly platform?: string
  readonly auth?: AuthConfig
  readonly abort?: AbortSignal
}

export interface PushRequest extends PullRequest {
  /** All of the name's index or nothing. */
  readonly allPlatforms?: boolean
}

export interface ImagesApi {
  list(options?: { readonly filters?: ListFilters }): Promise<ImageSummary[]>
  inspect(reference: string): Promise<ImageInspect>
  remove(
    reference: string,
    options?: { readonly force?: boolean; readonly noPrune?: boolean },
  ): Promise<ImageDeleteResponse>
  tag(reference: string, repository: string, tag: string): Promise<void>
  /** From a tar; yields progress, the last message's status is the image id. */
  import(
    tar: Readable,
    options: { readonly reference?: string; readonly changes?: readonly string[]; readonly message?: string },
  ): AsyncIterable<ProgressMessage>
  /** From its registry; a name without tag and digest means its tag "latest". */
  pull(reference: string, options?: PullRequest): AsyncIterable<ProgressMessage>
  push(reference: string, options?: PushRequest): AsyncIterable<ProgressMessage>
  /** What a name means at its registry. */
  distribution(reference: string, options?: Pick<PullRequest, 'abort' | 'auth'>): Promise<DistributionInspect>
  history(reference: string): Promise<ImageHistoryItem[]>
  /** One tar of all. */
  save(references: readonly string[], abort?: AbortSignal): Promise<AsyncIterable<Buffer>>
  /** Yields progress; `stream` of a message says what was loaded. */
  load(tar: Readable, options?: { readonly quiet?: boolean }): AsyncIterable<ProgressMessage>
  /** Extension of our engine. */
  bootstrap(request: BootstrapRequest, abort?: AbortSignal): AsyncIterable<ProgressMessage>
}

export interface EngineClient {
  readonly containers: ContainersApi
  readonly networks: NetworksApi
  readonly volumes: VolumesApi
  readonly images: ImagesApi
  readonly builds: BuildsApi
  readonly prune: PruneApi
  version(): Promise<VersionResponse>
  /** Throws ApiError (401) when the registry refuses. */
  login(auth: AuthConfig, abort?: AbortSignal): Promise<AuthResponse>
  diskUsage(): Promise<DiskUsage>
  events(options: {
    readonly filters?: ListFilters
    readonly since?: string
    readonly until?: string
    readonly abort?: AbortSignal
  }): AsyncIterable<EventMessage>
  /** Extensions of our engine; NotFoundError on another one. */
  status(): Promise<EngineStatus>
  doctor(): Promise<DoctorFinding[]>
  /** Asks the engine to end; containers go on unless `all`. */
  shutdown(options?: { readonly all?: boolean }): Promise<void>
  /** Closes kept connections, so that the process can end. */
  close(): void
}
