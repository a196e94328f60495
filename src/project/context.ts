/**
 * What every use case of project/ gets first: the engine, where progress goes, and the injected world (clock, signal,
 * files). cli/ builds one per command. No use case reads the environment, prints, or knows a terminal.
 */
import type { EngineClient } from '../api/client/client.ts'
import type { AuthConfig } from '../api/types/index.ts'
import type { ProgressSink } from '../events.ts'
import type { Project } from '../compose/model.ts'
import type { BuildView } from './build/view.ts'

export interface ProjectClock {
  /** Unix milliseconds. */
  nowMs(): number
  /** Rejects with CanceledError when `signal` fires. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export interface ProjectContext {
  readonly client: EngineClient
  readonly sink: ProgressSink
  /** Fires when the user interrupts; the use case ends with CanceledError. */
  readonly signal: AbortSignal
  readonly clock: ProjectClock
  /** Engine calls at the same time; Infinity: no limit. */
  readonly parallel: number
  /** Nothing is changed: hooks are not run. */
  readonly dryRun?: boolean
  /** The login that the user has for the registry of an image; absent: none for any. */
  loginFor?(reference: string): Promise<AuthConfig | undefined>
  /** Content of a file on this machine (seccomp profiles, Dockerfiles, secrets of builds). */
  readFile(path: string): Promise<Buffer>
  /** What is at an absolute path; anything but a folder is a file. */
  kindOf(path: string): Promise<'file' | 'directory' | undefined>
  /** The agent at this path, or one with the key that is there, until it is disposed of. */
  readonly openSshAgent: (path: string) => Promise<{ readonly socketPath: string } & AsyncDisposable>
  /** Begins to show builds; absent: they are not shown. */
  readonly openBuildView?: () => Promise<BuildView>
}

/** What a command works on: a loaded project, or only a name whose resources are found by their labels. */
export interface ProjectTarget {
  readonly name: string
  readonly project?: Project
}
