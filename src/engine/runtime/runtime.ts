/**
 * What the engine wants of an OCI runtime (crun, runc). Creating goes through conmon (conmon.ts), signals and freezing
 * through pids and cgroups; what is left is this. Source: OCI runtime-spec runtime.md, man 8 crun, man 8 runc.
 */
import type { SpawnOptions, Spawned } from '../../host/host.ts'
import type { ProcessRecord } from '../../state/containers.ts'

export interface ExposedFile extends Disposable {
  readonly path: string
}

export interface OciRuntime {
  /** "crun" or "runc". */
  readonly name: string
  readonly path: string
  /** Its state folder; args before the verb: ["--root", stateFolder]. */
  readonly globalArgs: readonly string[]
  /** Takes a compiled filter by the annotation run.oci.seccomp_bpf_data. */
  readonly acceptsBpf: boolean
  /** Takes the mount option "rro". Runs the program at the first call. */
  knowsRecursiveReadOnly(): Promise<boolean>
  /** Gets ready what its children need; idempotent, before the first mount of a layer. sync */
  prepare(): void
  /** Starts a program (conmon, or the runtime itself) in the surroundings that the runtime needs. */
  spawn(argv: readonly string[], options: SpawnOptions): Spawned
  /** A path under which those surroundings can open (not mount) a file of this machine, until it is disposed. */
  expose(path: string): ExposedFile
  /** True when it was created and not started yet: its first process waits at exec.fifo. sync */
  isWaiting(containerId: string): boolean
  /** Lets a created container run. Throws MycomposeError RUNTIME_FAILED with the runtime's words. */
  start(containerId: string): Promise<void>
  /**
   * After a crash: as `start`, of one that `isWaiting`, but which may have been let run already; then only what tells
   * of the waiting is removed. `waiting`: its first process.
   */
  resume(containerId: string, waiting: ProcessRecord): Promise<void>
  /** Forgets a container whose processes are gone (the cgroup is removed by the caller). Idempotent. */
  forget(containerId: string): Promise<void>
  /** At engine stop: undoes prepare where nothing needs it any more, removes empty folders. */
  close(): Promise<void>
}

export interface ExecArguments {
  readonly containerId: string
  readonly processFile: string
  readonly pidFile: string
  /** Gets the runtime's own errors, and only those. */
  readonly logFile: string
  readonly consoleSocket?: string
}

/** argv of `exec`; the same for both runtimes. */
export function execArgv(runtime: OciRuntime, options: ExecArguments): string[] {
  const { containerId, processFile, pidFile, logFile, consoleSocket } = options
  return [
    runtime.path,
    ...runtime.globalArgs,
    '--log',
    logFile,
    'exec',
    '--process',
    processFile,
    '--pid-file',
    pidFile,
    ...(consoleSocket === undefined ? [] : ['--console-socket', consoleSocket]),
    containerId,
  ]
}
