/**
 * `include`: whole Compose files with their own folder and .env become part of the project; what the including file
 * says wins. Also the fold of several files into one tree, which include needs too.
 * Source: Compose Specification, "include".
 */
import { posix } from 'node:path'
import { parseDotenv, type EnvMap } from './dotenv.ts'
import { resolveExtends } from './extends.ts'
import { prepareDocument, readDocuments, type FileContext } from './file-pipeline.ts'
import { interpolateTree } from './interpolate.ts'
import { mergeTrees } from './merge.ts'
import { child, mapNode, textOf, withoutEntry, type MapNode, type Node } from './node.ts'
import { FETCH_FIRST, isRemote, resolvePath } from './paths.ts'
import { readText } from './read-text.ts'
import { locationOf, sourceFile, type Origin } from './source-file.ts'

/** A file of the project with its documents, not yet interpolated. */
export interface RawFile {
  readonly path: string
  readonly documents: readonly Node[]
}

/** All documents of all files, each over those before it; included files below. `chain` is the way of includes. */
export async function mergeFiles(
  files: readonly RawFile[],
  context: FileContext,
  chain: readonly string[],
): Promise<MapNode | undefined> {
  let merged: MapNode | undefined
  for (const { path, documents } of files) {
    for (const document of documents) {
      const included = await includedTree(path, document, context, [...chain, path])
      const prepared = await prepareDocument(document, context)
      if (prepared === undefined) continue
      const extended = await resolveExtends(path, withoutEntry(prepared, 'include'), context)
      if (included !== undefined) merged = merged === undefined ? included : mergeTrees(merged, included)
      merged = mergeTrees(merged ?? emptyLike(extended), extended)
    }
  }
  return merged
}

function emptyLike(tree: MapNode): MapNode {
  return mapNode(new Map(), tree)
}

async function includedTree(
  path: string,
  document: Node,
  context: FileContext,
  chain: readonly string[],
): Promise<MapNode | undefined> {
  const raw = child(document, 'include')
  if (raw?.kind !== 'seq') return undefined
  const include = interpolateTree(raw, context.lookup, context.problems)
  let merged: MapNode | undefined
  for (const item of include.kind === 'seq' ? include.items : []) {
    const tree = await includeOne(item, path, context, chain)
    if (tree !== undefined) merged = merged === undefined ? tree : mergeTrees(merged, tree)
  }
  return merged
}

async function includeOne(
  item: Node,
  from: string,
  context: FileContext,
  chain: readonly string[],
): Promise<MapNode | undefined> {
  const paths = localPaths(item.kind === 'map' ? child(item, 'path') : item, context)
  const [first] = paths
  if (first === undefined) return undefined
  for (const { path, origin } of paths) {
    if (!chain.includes(path)) continue
    const cycle = [...chain.slice(chain.indexOf(path)), path].join(' -> ')
    context.problems.error(origin, {
      code: 'INCLUDE_CYCLE',
      message: `files include each other: ${cycle}`,
      hint: 'remove one of these "include"',
    })
    context.removed.push([])
    return undefined
  }
  const directory = textOf(child(item, 'project_directory'))
  const baseDir =
    directory === undefined ? posix.dirname(first.path) : resolvePath(directory, context.baseDir, context.homeDir)
  const { file, line } = locationOf(item)
  const inner: FileContext = {
    ...context,
    baseDir,
    problems: context.problems.within(`included from ${from === '-' ? '-' : file}:${line}`),
  }
  const variables = await includeEnvironment(child(item, 'env_file'), baseDir, { context, inner })
  const lookup = (name: string): string | undefined => context.lookup(name) ?? variables[name]
  const files: RawFile[] = []
  for (const { path, origin } of paths)
    files.push({ path, documents: await readDocuments(path, { origin, problems: context.problems }, inner) })
  return await mergeFiles(files, { ...inner, lookup }, chain)
}

interface LocalPath {
  readonly path: string
  readonly origin: Origin
}

function localPaths(node: Node | undefined, context: FileContext): LocalPath[] {
  const items = node?.kind === 'seq' ? node.items : node === undefined ? [] : [node]
  const paths: LocalPath[] = []
  for (const item of items) {
    const written = textOf(item)
    // The schema check reports what is no text.
    if (written === undefined || written === '') continue
    if (isRemote(written)) {
      const message = `cannot include "${written}": remote files are not supported yet`
      context.problems.error(item, { code: 'REMOTE_FILE', message, hint: FETCH_FIRST })
      context.removed.push([])
    } else paths.push({ path: resolvePath(written, context.baseDir, context.homeDir), origin: item })
  }
  return paths
}

/** Of `env_file` (relative to the including file), else of the `.env` beside the included one. */
async function includeEnvironment(
  node: Node | undefined,
  baseDir: string,
  { context, inner }: { readonly context: FileContext; readonly inner: FileContext },
): Promise<EnvMap> {
  const named = localPaths(node, context)
  const variables: EnvMap = {}
  const candidates = node === undefined ? [{ path: posix.join(baseDir, '.env'), origin: undefined }] : named
  for (const { path, origin } of candidates) {
    if (path === '/dev/null') continue
    const read = await readText(path, { origin, problems: context.problems }, context.reader)
    if (!('text' in read)) {
      if (read.missing && origin !== undefined) {
        context.problems.error(origin, {
          code: 'FILE_NOT_FOUND',
          message: `no such env file: ${path}`,
          hint: 'create it, or correct the path',
        })
      }
      continue
    }
    const lookup = (name: string): string | undefined => context.lookup(name) ?? variables[name]
    Object.assign(variables, parseDotenv(sourceFile(path, read.text), lookup, inner.problems))
  }
  return variables
}
