/**
 * Loads a project: the phases in order, one line each. Pure but for the injected reader.
 */
import { posix } from 'node:path'
import { findComposeFiles, noComposeFile } from './discovery.ts'
import { toDraft } from './draft.ts'
import { readDocuments, type FileContext } from './file-pipeline.ts'
import { mergeFiles, type RawFile } from './include.ts'
import { lookupIn } from './interpolate.ts'
import { assembleProject } from './assemble.ts'
import { dropReplacedItems } from './merge.ts'
import { mapNode, originAt, type MapNode } from './node.ts'
import { explicitProjectName, nameOfFiles, nameOfFolder } from './project-name.ts'
import { mergeOverlay } from './overlay.ts'
import { createProblems, inFileOrder, type Problems } from './problems.ts'
import { locationOf, type Origin } from './source-file.ts'
import type { LoadRequest, LoadResult, ProjectIdentity, SourceReader } from './request.ts'
import { templateVariables } from './template-variables.ts'
import { unsupportedAttributes } from './unsupported.ts'
import { addFolderVariables, loadVariables, type ProjectVariables } from './variables.ts'

export type { LoadRequest, LoadResult, ProjectIdentity, SourceReader } from './request.ts'

/**
 * The canonical project of a request.
 * @throws ConfigErrors with all problems found; MycomposeError NO_COMPOSE_FILE, PROJECT_NAME.
 */
export async function loadProject(request: LoadRequest, reader: SourceReader): Promise<LoadResult> {
  const problems = createProblems()
  const located = await locate(request, reader, problems)
  if (located === undefined) throw noComposeFile(request)
  const { paths, workingDir, variables } = located
  const context = fileContext(request, reader, problems, located)
  // without the variables of a missing --env-file every other problem may only follow from that
  problems.throwIfAny()
  const files = await readAll(paths, context)
  const name = projectName(request, located, files, problems)
  const named: ProjectVariables = { ...variables, values: { ...variables.values, COMPOSE_PROJECT_NAME: name } }
  const filled = { ...context, lookup: lookupIn(named.values) }
  const merged = await mergeOverlay(await mergeFiles(files, filled, []), request.overlay, filled)
  // A part is missing: what the rules would say about the rest may be wrong.
  if (context.removed.some((path) => path.length === 0)) problems.throwIfAny()
  const tree = dropReplacedItems(merged ?? mapNode(new Map(), emptyOrigin(paths)))
  const project = await assembleProject(
    { name, workingDir, composeFiles: paths, variables: named, draft: toDraft(tree), tree },
    { request, reader, problems, removed: context.removed },
  )
  problems.throwIfAny()
  const found = lookups(tree, problems)
  const unsupported = request.skip?.unsupported === true ? [] : unsupportedAttributes(project, found.problemAt)
  return { project, warnings: inFileOrder([...problems.warnings, ...unsupported]), ...found }
}

/**
 * The project's name without loading services: -p, COMPOSE_PROJECT_NAME (shell, .env), `name:` of the files, folder.
 * Missing files are fine when the name is given.
 * @throws MycomposeError NO_COMPOSE_FILE when neither a name nor a file is there; ConfigErrors for unreadable files.
 */
export async function identifyProject(request: LoadRequest, reader: SourceReader): Promise<ProjectIdentity> {
  const problems = createProblems()
  const located = await locate(request, reader, problems)
  const { workingDir: cwd } = request
  const variables = located?.variables ?? (await loadVariables(request, reader, problems))
  const name = explicitProjectName(request, variables.values)
  if (name !== undefined) {
    return { name, workingDir: located?.workingDir ?? cwd, composeFiles: located?.paths ?? [] }
  }
  if (located === undefined) throw noComposeFile(request)
  const files = await readAll(located.paths, fileContext(request, reader, problems, located))
  const found = projectName(request, located, files, problems)
  problems.throwIfAny()
  return { name: found, workingDir: located.workingDir, composeFiles: located.paths }
}

interface Located {
  readonly paths: readonly string[]
  readonly workingDir: string
  readonly variables: ProjectVariables
}

/** The files of the project, its folder and variables; undefined when there is no file. */
async function locate(request: LoadRequest, reader: SourceReader, problems: Problems): Promise<Located | undefined> {
  const first = await loadVariables(request, reader, problems)
  const paths = await findComposeFiles(request, first.values, reader, problems)
  if (paths === undefined) return undefined
  const workingDir = projectFolder(request, paths)
  const variables = await addFolderVariables(first, workingDir, request, { reader, problems })
  return { paths, workingDir, variables }
}

function projectFolder({ projectDirectory, workingDir }: LoadRequest, paths: readonly string[]): string {
  if (projectDirectory !== undefined) return posix.resolve(workingDir, projectDirectory)
  const [first = '-'] = paths
  return first === '-' ? workingDir : posix.dirname(first)
}

function fileContext(
  request: LoadRequest,
  reader: SourceReader,
  problems: Problems,
  { workingDir, variables }: Located,
): FileContext {
  const homeDir = request.homeDir ?? request.environment['HOME']
  return { request, reader, problems, homeDir, lookup: lookupIn(variables.values), baseDir: workingDir, removed: [] }
}

async function readAll(paths: readonly string[], context: FileContext): Promise<RawFile[]> {
  return await Promise.all(
    paths.map(async (path) => ({
      path,
      documents: await readDocuments(path, { origin: undefined, problems: context.problems }, context),
    })),
  )
}

function projectName(request: LoadRequest, located: Located, files: readonly RawFile[], problems: Problems): string {
  const { variables, workingDir } = located
  return (
    explicitProjectName(request, variables.values) ??
    nameOfFiles(files, lookupIn(variables.values), problems) ??
    nameOfFolder(workingDir)
  )
}

function emptyOrigin(paths: readonly string[]): Origin {
  return { source: { path: paths[0] ?? '-', text: '' }, offset: 0 }
}

function lookups(tree: MapNode, problems: Problems): Pick<LoadResult, 'variables' | 'locate' | 'problemAt'> {
  return {
    variables: () => templateVariables(tree),
    locate: (path) => locationOf(originAt(tree, path)),
    problemAt: (path, problem) => problems.describe(originAt(tree, path), { ...problem, path }),
  }
}
