/**
 * Attributes that are paths of the host: made absolute with the folder of their own file, before files are merged,
 * so that an extended or included file keeps its own folder.
 */
import { isRemote, resolvePath } from '../paths.ts'
import { scalarNode, textOf } from '../node.ts'
import type { CanonicalContext, Canonicalize } from './context.ts'

export function absolute(path: string, { baseDir, homeDir }: CanonicalContext): string {
  return baseDir === undefined ? path : resolvePath(path, baseDir, homeDir)
}

export const hostPath: Canonicalize = (node, context) => scalarNode(absolute(textOf(node) ?? '', context), node)

/** A path, unless it is a URL or names something else than a file. */
export const pathOrUrl: Canonicalize = (node, context) => {
  const written = textOf(node) ?? ''
  return isRemote(written) ? scalarNode(written, node) : hostPath(node, context)
}
