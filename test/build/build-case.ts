/**
 * One row of the conformance table: a Dockerfile, a context, and what must come of it. What is expected is what BuildKit makes
 * (its documentation and its own integration tests say so); peer.ts runs the same rows against docker.
 */
import type { BuildRequest } from '../../src/api/types/build.ts'
import type { Files } from '../support/copy-case.ts'

export interface BuildCase {
  /** Unique in the table. */
  readonly name: string
  readonly dockerfile: string
  /** The context. */
  readonly files?: Files
  /** For what Files cannot say: archives, special files. */
  readonly prepare?: (context: string) => void
  /** An image that is built first, for FROM and --from. */
  readonly base?: { readonly tag: string; readonly dockerfile: string }
  readonly request?: Partial<Omit<BuildRequest, 'context'>>
  /** Files in other folders: additional contexts by name. */
  readonly contexts?: Readonly<Record<string, Files>>
  /**
   * All in which the image's files differ from its first base: path -> "644 0:0 text", "-> target", "755 0:0 /", or "gone". On
   * scratch that is all there is.
   */
  readonly tree?: Readonly<Record<string, string>>
  /** Parts of the image's configuration; undefined: not there. */
  readonly config?: Readonly<Record<string, unknown>>
  /** `created_by` of what the build added, oldest first; " (empty)" behind those without a layer. */
  readonly history?: readonly string[]
  /** The build must fail so. */
  readonly error?: { readonly code: string; readonly line?: number; readonly message?: RegExp }
  /** Why docker's answer differs, or cannot be had; told by peer.ts. */
  readonly peer?: string
}

/** "644 0:0 text" */
export function file(text: string, mode = '644', owner = '0:0'): string {
  return `${mode} ${owner} ${text}`
}

/** "755 0:0 /" */
export function folder(mode = '755', owner = '0:0'): string {
  return `${mode} ${owner} /`
}

/** Lines that are a Dockerfile. */
export function lines(...all: readonly string[]): string {
  return `${all.join('\n')}\n`
}
