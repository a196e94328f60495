/**
 * The canonical project as text, in the shape of `docker compose config`.
 */
import type { Project } from './model.ts'

/** Deterministic; `$` doubled so that the output loads again as it is. Ends with a line feed. */
export function printProject(_project: Project, _format: 'yaml' | 'json'): string {
  throw new Error('being written')
}
