/**
 * What a command line says of one service (`run -e K=V -v ./x:/y`), as a Compose text that is merged over the files: so
 * short forms, checks and merge rules are those of files. Nothing happens when the files have no such service.
 */
import { parseDocuments } from './document.ts'
import { prepareDocument, type FileContext } from './file-pipeline.ts'
import { mergeTrees } from './merge.ts'
import { child, type MapNode } from './node.ts'
import type { ServiceOverlay } from './request.ts'
import { sourceFile } from './source-file.ts'

/** Places in it are told as "command line:LINE:COLUMN". */
const NAME = 'command line'

export async function mergeOverlay(
  tree: MapNode | undefined,
  overlay: ServiceOverlay | undefined,
  context: FileContext,
): Promise<MapNode | undefined> {
  if (tree === undefined || overlay === undefined) return tree
  if (child(child(tree, 'services'), overlay.service) === undefined) return tree
  const { documents } = await parseDocuments(sourceFile(NAME, formatOverlay(overlay)), context.problems)
  let merged = tree
  for (const document of documents) {
    const prepared = await prepareDocument(document, context)
    if (prepared !== undefined) merged = mergeTrees(merged, prepared)
  }
  return merged
}

/** One attribute a line. JSON is YAML; `$` stands for itself on a command line. PURE. */
export function formatOverlay({ service, attributes }: ServiceOverlay): string {
  const lines = attributes.map(({ name, value, merge }) => {
    const tag = merge === undefined ? '' : `!${merge} `
    return `    ${name}: ${tag}${JSON.stringify(value).replaceAll('$', '$$$$')}\n`
  })
  return lines.length === 0 ? '' : `services:\n  ${JSON.stringify(service)}:\n${lines.join('')}`
}
