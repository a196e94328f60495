/**
 * The one door to the operating system. Everything above host/ gets a Host as a parameter; tests pass a fake.
 * node-host.ts makes the real one. Calls marked "sync" run in the engine's own thread and take microseconds.
 */
import type * as fsPromises from 'node:fs/promises'
import type { Readable, Writable } from 'node:stream'
import type { FSWatcher } from 'node:fs'
import type { At } from './at.ts'
import type { Mounts } from './mounts.ts'
import type { MountNamespaces } from './mount-namespaces.ts'
import type { Rooted } from './rooted.ts'
import type { Seccomp } from './seccomp.ts'
import type { Statx } from './statx.ts'
import type { Xattrs } from './xattrs.ts'
import type { Netns } from './netns.ts'
import type { UnixDatagrams } from './unix-datagrams.ts'
import type { Links } from './links.ts'
import type { Nft } from './nft.ts'
import type { PacketSockets } from './packet-socket.ts'
import type { Pty } from './pty.ts'
import type { TerminalInput } from './terminal-input.ts'
import type { Threads } from './threads.ts'
import type { Web } from './web.ts'

/** So that nobody above has to import node:fs for a type. */
export type FileHandle = fsPromises.FileHandle

/** Files: Node's own promise API, narrowed to what we use, with two additions. */
export type Files = Pick<
  typeof fsPromises,
  | 'access'
  | 'appendFile'
  | 'chmod'
  | 'chown'
  | 'copyFile'
  | 'cp'
  | 'lchown'
  | 'link'
  | 'lstat'
  | 'lutimes'
  | 'mkdir'
  | 'mkdtemp'
  | 'open'
  | 'readFile'
  | 'readdir'
  | 'readlink'
  | 'realpath'
  | 'rename'
  | 'rm'
  | 'rmdir'
  | 'stat'
  | 'statfs'
  | 'symlink'
  | 'truncate'
  | 'unlink'
  | 'utimes'
  | 'writeFile'
> & {
  /**
   * Writes to a temporary file, syncs it, renames it over `path`. The file is in the same folder, or in one of the same
   * file system that is swept after a crash: a kill before the rename leaves it behind.
   */
  writeAtomic(
    path: string,
    data: string | Uint8Array,
    options?: { mode?: number; durable?: boolean; temporaryFolder?: string },
  ): Promise<void>
  /** The text, or undefined when there is no such file. */
  readTextIfExists(path: string): Promise<string | undefined>
  /** sync; for /proc and /sys, where asynchronous reads cost more than they save. Undefined when absent. */
  readTextSync(path: string): string | undefined
  /** sync; for /proc/sys and cgroup files. */
  writeTextSync(path: string, text: string): void
  /** sync; for a few bytes. ENXIO when nobody reads. */
  writeFifoSync(path: string, text: string): void
  existsSync(path: string): boolean
  readdirSync(path: string): string[]
  readlinkSync(path: string): string
  watch(path: string, onChange: (event: string, name: string | null) => void): FSWatcher
}

export interface ExecResult {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface ExecOptions {
  /** Written to the program's standard input, which is then closed. */
  readonly input?: string | Uint8Array | Readable
  /** The whole environment; absent: PATH and LC_ALL=C only, nothing of ours leaks. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly signal?: AbortSignal
  /** Past it the program is killed and the result says so. */
  readonly timeoutMs?: number
  /** Exit codes that are no error (default [0]); "any" never throws for a code. */
  readonly okCodes?: readonly number[] | 'any'
}

export interface SpawnOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** A new session, so that it outlives us. */
  readonly detached?: boolean
  /** As Node's stdio: 'pipe', 'ignore' or a descriptor, per index. Absent: all pipes. */
  readonly stdio?: readonly ('pipe' | 'ignore' | number)[]
}

/** A running child. `exited` never rejects for an exit code. */
export interface Spawned {
  readonly pid: number
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /** Our ends of the pipes from index 3 on, in order. */
  readonly extra: readonly Readable[]
  readonly exited: Promise<{ readonly exitCode: number | null; readonly signal: NodeJS.Signals | null }>
  kill(signal: NodeJS.Signals | number): void
  /** Our process may end before this one does. */
  unref(): void
}

/** Programs, always an argv array, never a shell. */
export interface Exec {
  /** Runs to the end. Throws ToolError (argv, exit code, tail of stderr) for a code not in okCodes, or ENOENT. */
  run(argv: readonly string[], options?: ExecOptions): Promise<ExecResult>
  /** Starts and returns at once. Throws ToolError when the program is not there. */
  spawn(argv: readonly string[], options?: SpawnOptions): Spawned
}

export interface Clock {
  nowMs(): number
  /** RFC 3339 UTC with nanoseconds: "2026-11-21T12:00:00.123456789Z". */
  nowRfc3339(): string
  /** Rejects with CanceledError when the signal fires. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** Processes by number; guarded against reuse of a number by the start time. */
export interface Processes {
  /** Field 22 of /proc/PID/stat as text, or undefined when there is no such process (or it is a zombie). sync */
  startTime(pid: number): string | undefined
  /** True when the signal was sent; false when the process is gone or `startTime` differs. sync */
  signal(pid: number, signal: number, startTime?: string): boolean
  /** A write end of the one anonymous pipe that the process writes to; undefined when it holds none. sync */
  openWritePipe(pid: number): Writable | undefined
  /** Pids of processes whose command line holds all of these arguments. Reads all of /proc. sync */
  withArguments(...wanted: readonly string[]): number[]
}

export interface Host {
  readonly files: Files
  readonly exec: Exec
  readonly clock: Clock
  readonly processes: Processes
  readonly mounts: Mounts
  readonly mountNamespaces: MountNamespaces
  readonly rooted: Rooted
  readonly at: At
  readonly statx: Statx
  readonly seccomp: Seccomp
  readonly xattrs: Xattrs
  readonly netns: Netns
  readonly links: Links
  readonly nft: Nft
  readonly pty: Pty
  readonly terminalInput: TerminalInput
  readonly packetSockets: PacketSockets
  readonly unixDatagrams: UnixDatagrams
  readonly web: Web
  readonly threads: Threads
  /** `bytes` random bytes as hex. */
  randomHex(bytes: number): string
}
