/**
 * One file from text to canonical tree: YAML -> interpolate -> schema -> canonical form. Used for the files of the
 * project, for included files and for files that a service extends.
 */
import type { LoadRequest, SourceReader } from './request.ts'
import { canonicalFile } from './canonical/file.ts'
import { parseDocuments } from './document.ts'
import { interpolateTree, type Lookup } from './interpolate.ts'
import { child, type MapNode, type Node } from './node.ts'
import type { Problems } from './problems.ts'
import { readText, type Reference } from './read-text.ts'
import { checkSchema } from './schema.ts'
import { sourceFile } from './source-file.ts'

/** What all files of one load share. */
export interface FileContext {
  readonly request: LoadRequest
  readonly reader: SourceReader
  readonly problems: Problems
  readonly homeDir: string | undefined
  readonly lookup: Lookup
  /** Folder that relative paths are relative to. */
  readonly baseDir: string
  /** Paths that the schema check cut out of any file; [] when a whole file or service is missing. */
  readonly removed: (readonly string[])[]
}

/** The raw documents of a file; a missing or unreadable one is a problem at `from`. */
export async function readDocuments(path: string, from: Reference, context: FileContext): Promise<readonly Node[]> {
  const { removed, problems } = context
  problems.reads(path)
  const text = await readFile(path, from, context)
  const parsed = text === undefined ? undefined : await parseDocuments(sourceFile(path, text), problems)
  if (parsed === undefined || !parsed.isWhole) removed.push([])
  if (parsed?.isWhole === true && parsed.documents.length === 0) {
    removed.push([])
    from.problems.error(from.origin, {
      code: 'EMPTY_FILE',
      message: `${path} is empty`,
      hint: 'a Compose file has "services:"',
    })
  }
  return parsed?.documents ?? []
}

async function readFile(path: string, from: Reference, { reader }: FileContext): Promise<string | undefined> {
  const read = await readText(path, from, reader)
  if ('text' in read) return read.text
  if (read.missing)
    from.problems.error(from.origin, {
      code: 'FILE_NOT_FOUND',
      message: `no such file: ${path}`,
      hint: 'create it, or correct the path',
    })
  return undefined
}

/** The interpolated, checked, canonical tree of a document; undefined when it is no mapping. */
export async function prepareDocument(document: Node, context: FileContext): Promise<MapNode | undefined> {
  const { request, problems, lookup } = context
  if (document.kind !== 'map') {
    const message = `the top level of a Compose file is a mapping, not a ${document.kind === 'seq' ? 'list' : 'plain text'}`
    problems.error(document, { code: 'SCHEMA_TYPE', message, hint: 'begin with "services:"' })
    context.removed.push([])
    return undefined
  }
  const filled = request.skip?.interpolation === true ? document : interpolateTree(document, lookup, problems)
  warnObsolete(document, problems)
  const { tree, removed } = await checkSchema(filled as MapNode, problems)
  context.removed.push(...removed)
  const baseDir = request.skip?.pathResolution === true ? undefined : context.baseDir
  const keepTemplates = request.skip?.interpolation === true
  return canonicalFile(tree, { problems, baseDir, homeDir: context.homeDir, keepTemplates })
}

function warnObsolete(document: MapNode, problems: Problems): void {
  if (child(document, 'version') === undefined) return
  const message = 'the attribute "version" is obsolete and ignored'
  problems.warn(document.entries.get('version'), { code: 'OBSOLETE', message, hint: 'remove it' })
}
