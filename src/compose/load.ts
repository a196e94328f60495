/**
 * Loads a project: the phases in order, one line each. Pure but for the injected reader.
 */
import type { LoadRequest, LoadResult, ProjectIdentity, SourceReader } from './request.ts'

export type { LoadRequest, LoadResult, ProjectIdentity, SourceReader } from './request.ts'

/**
 * The canonical project of a request.
 * @throws ConfigErrors with all problems found.
 */
export async function loadProject(_request: LoadRequest, _reader: SourceReader): Promise<LoadResult> {
  return await Promise.reject(new Error('being written'))
}

/**
 * The project's name without loading services: -p, COMPOSE_PROJECT_NAME (shell, .env), `name:` of the files, folder.
 * Missing files are fine when the name is given.
 */
export async function identifyProject(_request: LoadRequest, _reader: SourceReader): Promise<ProjectIdentity> {
  return await Promise.reject(new Error('being written'))
}
