/**
 * `extends`: a service takes over the definition of another, of its own file or another one, and merges its own on
 * top. Source: Compose Specification, "extends".
 */
import { posix } from 'node:path'
import { FETCH_FIRST, isRemote, resolvePath } from './paths.ts'
import { nearestName } from '../edit-distance.ts'
import { prepareDocument, readDocuments, type FileContext } from './file-pipeline.ts'
import { mergeServices, mergeTrees } from './merge.ts'
import { child, entryAt, textOf, withEntry, withoutEntry, type MapNode, type Node } from './node.ts'
import { locationOf, type Origin } from './source-file.ts'

/** A canonical tree and where it came from. */
interface LoadedFile {
  readonly path: string
  readonly tree: MapNode
  readonly context: FileContext
}

/** The tree with every `extends` of its services carried out. */
export async function resolveExtends(path: string, tree: MapNode, context: FileContext): Promise<MapNode> {
  const services = child(tree, 'services')
  if (services?.kind !== 'map') return tree
  const names = [...services.entries].filter(([, { value }]) => child(value, 'extends') !== undefined)
  if (names.length === 0) return tree
  const files = new Map<string, Promise<LoadedFile | undefined>>()
  const cycles = new Set<string>()
  const done = new Map<string, MapNode>()
  const entries = new Map(services.entries)
  for (const [name] of names) {
    const service = await resolveService(name, { path, tree, context }, { files, cycles, done, chain: [] })
    const before = entries.get(name)
    if (service !== undefined && before !== undefined) entries.set(name, entryAt(before, service))
  }
  return withEntry(tree, 'services', { ...services, entries })
}

interface Walk {
  /** Files read so far, by absolute path. */
  readonly files: Map<string, Promise<LoadedFile | undefined>>
  /** Services of long chains are asked for again and again: by step, what came out. */
  readonly done: Map<string, MapNode>
  /** Steps of the circles reported so far. */
  readonly cycles: Set<string>
  /** "service (file)" steps that led here. */
  readonly chain: readonly string[]
}

async function resolveService(name: string, file: LoadedFile, walk: Walk): Promise<MapNode | undefined> {
  const service = child(child(file.tree, 'services'), name)
  if (service?.kind !== 'map') return undefined
  const reference = child(service, 'extends')
  if (reference === undefined) return service
  const own = withoutEntry(service, 'extends')
  const step = `${name} (${file.path})`
  const { problems } = file.context
  const before = walk.done.get(step)
  if (before !== undefined) return before
  if (walk.chain.includes(step)) {
    const steps = walk.chain.slice(walk.chain.indexOf(step))
    // Every service of the circle leads around it; one report is enough.
    if (steps.some((other) => walk.cycles.has(other))) return own
    for (const other of steps) walk.cycles.add(other)
    const cycle = [...steps, step].join(' -> ')
    file.context.removed.push([])
    problems.error(reference, {
      code: 'EXTENDS_CYCLE',
      message: `services extend each other: ${cycle}`,
      hint: 'remove one of these "extends"',
    })
    return own
  }
  const base = await baseService(reference, file, { ...walk, chain: [...walk.chain, step] })
  const merged = base === undefined ? own : mergeServices(base, own)
  walk.done.set(step, merged)
  return merged
}

async function baseService(reference: Node, file: LoadedFile, walk: Walk): Promise<MapNode | undefined> {
  const nameNode = reference.kind === 'map' ? child(reference, 'service') : reference
  const name = textOf(nameNode) ?? ''
  const origin = nameNode ?? reference
  const target = await targetFile(reference, file, walk)
  if (target === undefined) return undefined
  const services = child(target.tree, 'services')
  if (services?.kind === 'map' && services.entries.has(name)) return await resolveService(name, target, walk)
  const nearest = nearestName(name, services?.kind === 'map' ? services.entries.keys() : [])
  file.context.problems.error(origin, {
    code: 'EXTENDS_UNKNOWN',
    message: `cannot extend service "${name}": there is none in ${target.path}`,
    hint: nearest === undefined ? servicesHint(services) : `did you mean "${nearest}"?`,
  })
  file.context.removed.push([])
  return undefined
}

function servicesHint(services: Node | undefined): string {
  const names = services?.kind === 'map' ? [...services.entries.keys()] : []
  return names.length === 0 ? 'the file has no services' : `services there: ${names.slice(0, 12).join(', ')}`
}

async function targetFile(reference: Node, file: LoadedFile, walk: Walk): Promise<LoadedFile | undefined> {
  const fileNode = child(reference, 'file')
  const written = textOf(fileNode)
  if (fileNode === undefined || written === undefined || written === '') return file
  const { context } = file
  if (isRemote(written)) {
    const message = `cannot extend a service of "${written}": remote files are not supported yet`
    context.problems.error(fileNode, { code: 'REMOTE_FILE', message, hint: FETCH_FIRST })
    context.removed.push([])
    return undefined
  }
  const path = resolvePath(written, context.baseDir, context.homeDir)
  if (path === file.path) return file
  let loading = walk.files.get(path)
  if (loading === undefined) {
    loading = loadFile(path, fileNode, context)
    walk.files.set(path, loading)
  }
  return await loading
}

/** Relative paths of an extended file are relative to its own folder. */
async function loadFile(path: string, from: Origin, context: FileContext): Promise<LoadedFile | undefined> {
  const { file, line } = locationOf(from)
  const inner = {
    ...context,
    baseDir: posix.dirname(path),
    problems: context.problems.within(`extended by ${file}:${line}`),
  }
  const documents = await readDocuments(path, { origin: from, problems: context.problems }, inner)
  let tree: MapNode | undefined
  for (const document of documents) {
    const prepared = await prepareDocument(document, inner)
    if (prepared !== undefined) tree = tree === undefined ? prepared : mergeTrees(tree, prepared)
  }
  return tree === undefined ? undefined : { path, tree, context: inner }
}
