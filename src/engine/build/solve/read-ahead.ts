/**
 * While a base image is on its way: the files that COPY and ADD will ask for are read, so that their digests are there when
 * the image is (context/file-digests.ts). It looks by itself, and what it finds counts only for files that are still the
 * same then. What it cannot know yet (variables) or cannot read it leaves to those who need it.
 */
import { openSource, type OpenSourceOptions } from '../context/source.ts'
import { parseGitAddress } from '../context/git-url.ts'
import type { CopyInstruction, Dockerfile } from '../dockerfile/ast.ts'
import { checksumOfFiles } from '../files/checksum.ts'
import { selectFiles, type SelectionWish } from '../files/selection.ts'
import { reachableNodes, readStages } from '../plan/create-plan.ts'
import { sourcePath } from '../plan/paths.ts'
import type { BuildRequest } from '../../../api/types/build.ts'
import { MycomposeError } from '../../../errors.ts'
import type { EngineBase } from '../../context.ts'
import type { Platform } from '../plan/stage-state.ts'

export interface ReadAhead {
  readonly base: EngineBase
  readonly request: BuildRequest
  readonly options: OpenSourceOptions
  readonly platforms: { readonly buildPlatform: Platform; readonly targetPlatform: Platform | undefined }
}

function isPlainPath(text: string): boolean {
  return !text.includes('$') && !/^https?:\/\//.test(text) && parseGitAddress(text) === undefined
}

function wishesOf({ from, sources, parents, excludes }: CopyInstruction): readonly SelectionWish[] {
  if (from !== undefined || parents || excludes.length > 0) return []
  return sources.flatMap((source) =>
    source.kind === 'heredoc' || !isPlainPath(source.word.text)
      ? []
      : [{ pattern: sourcePath(source.word.text), parents: false, excludes: [] }],
  )
}

/** PURE. Each once. Throws what readStages throws. */
export function contextWishes(
  dockerfile: Dockerfile,
  request: BuildRequest,
  platforms: ReadAhead['platforms'],
): readonly SelectionWish[] {
  const { nodes, targetNode } = readStages(dockerfile, request, platforms)
  const copies = [...reachableNodes(nodes, targetNode)]
    .flatMap(({ stage }) => stage.instructions)
    .flatMap((instruction) => ('sources' in instruction ? wishesOf(instruction) : []))
  return [...new Map(copies.map((wish) => [wish.pattern, wish])).values()]
}

/** Ends early, and without a word, where something is wrong: the build itself will come upon it. */
export async function readAhead(
  { base, request, options, platforms }: ReadAhead,
  dockerfile: Dockerfile,
): Promise<void> {
  if (request.context.kind !== 'directory') return
  const { signal } = options
  try {
    const wishes = contextWishes(dockerfile, request, platforms)
    if (wishes.length === 0) return
    const source = await openSource(base, request.context, options)
    try {
      for (const wish of wishes)
        await checksumOfFiles(source.tree, await selectFiles(source.tree, wish, signal), signal)
    } finally {
      await source.close()
    }
  } catch (error) {
    if (!(error instanceof MycomposeError)) throw error
  }
}
