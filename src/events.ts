/**
 * Progress events: what the use cases of project/ tell about their work. Only cli/output knows that a terminal
 * exists; it renders these as listr2 lists, plain lines or JSON. Imports nothing.
 */

export type ProgressStatus = 'working' | 'done' | 'warning' | 'error'

/** One change in the state of one resource. */
export interface ProgressEvent {
  /** As docker compose prints it: "Container p-db-1", "Network p_default", "Volume p_data", "Image web". */
  readonly id: string
  /** The resource that this one is part of (a layer of an image), if any. */
  readonly parentId?: string
  readonly status: ProgressStatus
  /** The words scripts grep: "Creating", "Created", "Starting", "Started", "Healthy", ... */
  readonly text: string
  /** Why, or how far: "config hash diverged", "exit code 3". */
  readonly details?: string
  readonly current?: number
  readonly total?: number
  /** How long it took, where that is not the time since its first event. */
  readonly elapsedMs?: number
}

/** A line for the user beside the progress view. Each text is told once. */
export interface NoticeEvent {
  readonly level: 'warning' | 'info'
  readonly text: string
}

export interface ProgressSink {
  progress(event: ProgressEvent): void
  notice(event: NoticeEvent): void
}

export const silentSink: ProgressSink = { progress() {}, notice() {} }
