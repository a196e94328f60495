/** The Dockerfile of a request: given inline, in the main context, or a file of the machine. */
import { isAbsolute } from 'node:path'
import type { BuildRequest } from '../../api/types/build.ts'
import { NotFoundError } from '../../errors.ts'
import type { EngineBase } from '../context.ts'
import type { Dockerfile } from './dockerfile/ast.ts'
import { parseDockerfile } from './dockerfile/parse.ts'
import { endingOf, type Progress } from './solve/progress.ts'
import type { Contexts } from './solve/contexts.ts'

const DEFAULT_NAMES = ['Dockerfile', 'dockerfile']
const ID = 'definition'

interface Found {
  readonly name: string
  readonly text: string
}

async function findText({ host }: EngineBase, request: BuildRequest, contexts: Contexts): Promise<Found> {
  const { dockerfile, dockerfileInline } = request
  if (dockerfileInline !== undefined) return { name: 'Dockerfile (inline)', text: dockerfileInline }
  if (dockerfile !== undefined && isAbsolute(dockerfile)) {
    const text = await host.files.readTextIfExists(dockerfile)
    if (text !== undefined) return { name: dockerfile, text }
  } else {
    const context = await contexts.open({ name: 'context', source: request.context })
    for (const name of dockerfile === undefined ? DEFAULT_NAMES : [dockerfile]) {
      const text = context.readText(name)
      if (text !== undefined) return { name, text }
    }
  }
  throw new NotFoundError(`failed to read dockerfile: ${dockerfile ?? 'Dockerfile'}: no such file or directory`, {
    code: 'DOCKERFILE_MISSING',
    hint: 'name it with --file, or "dockerfile" of "build"; its path is relative to the context',
  })
}

/** Throws DOCKERFILE_MISSING, DockerfileError, and what opening the context throws. */
export async function loadDockerfile(
  base: EngineBase,
  request: BuildRequest,
  { contexts, progress }: { readonly contexts: Contexts; readonly progress: Progress },
): Promise<Dockerfile> {
  const shown = request.dockerfileInline === undefined ? (request.dockerfile ?? 'Dockerfile') : 'inline'
  progress.announce({
    id: ID,
    name: `[internal] load build definition from ${shown.slice(shown.lastIndexOf('/') + 1)}`,
    inputs: [],
  })
  progress.started(ID)
  try {
    const { name, text } = await findText(base, request, contexts)
    const dockerfile = parseDockerfile(text, request.dockerfileLabel ?? name)
    progress.ended(ID, { kind: 'done', cached: false })
    return dockerfile
  } catch (error) {
    progress.ended(ID, endingOf(error))
    throw error
  }
}
