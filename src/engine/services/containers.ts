/** Containers: their life, processes, files and figures. */
import type { Readable, Writable } from 'node:stream'
import type {
  ContainerChange,
  ContainerConfig,
  ContainerCreateRequest,
  ContainerCreateResponse,
  ContainerInspect,
  ContainerStats,
  ContainerSummary,
  ContainerUpdateRequest,
  EndpointSettings,
  ExecCreateRequest,
  ExecInspect,
  ExecStartRequest,
  WaitResponse,
} from '../../api/types/index.ts'
import type { Filters } from './filters.ts'
import type { AttachRequest, LogOptions, StdioSession } from './streams.ts'

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
