/** `ls`: all projects of an engine, found by labels. */
import type { ProjectContext } from './context.ts'

export interface LsOptions {
  /** Stopped projects too. */
  readonly all?: boolean
}

export interface ProjectSummary {
  readonly name: string
  /** "running(2), exited(1)" */
  readonly status: string
  readonly configFiles: readonly string[]
}

/** Sorted by name. */
export function ls(context: ProjectContext, options: LsOptions): Promise<readonly ProjectSummary[]> {
  throw new Error(`not wired yet: ${JSON.stringify(options)} ${context.parallel}`)
}
