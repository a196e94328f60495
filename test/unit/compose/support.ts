/**
 * Loads projects from files held in memory: the reader that the tests of src/compose hand in.
 */
import { posix } from 'node:path'
import { loadProject, type LoadRequest, type LoadResult, type SourceReader } from '../../../src/compose/load.ts'
import type { Service } from '../../../src/compose/model.ts'
import { ConfigErrors, type ConfigProblem } from '../../../src/errors.ts'

/** Relative paths are below /project. */
export type Files = Readonly<Record<string, string>>

export function memoryReader(files: Files, stdin = ''): SourceReader {
  const texts = new Map(Object.entries(files).map(([path, text]) => [posix.resolve('/project', path), text]))
  return {
    readText: (path) => Promise.resolve(texts.get(path)),
    readStdin: () => Promise.resolve(stdin),
    exists: (path) => Promise.resolve(texts.has(path)),
  }
}

export interface LoadOptions extends Partial<LoadRequest> {
  readonly stdin?: string
}

/** A string is the text of /project/compose.yaml. */
export async function load(files: Files | string, options: LoadOptions = {}): Promise<LoadResult> {
  const { stdin, ...request } = options
  const all = typeof files === 'string' ? { 'compose.yaml': files } : files
  return await loadProject(
    { profiles: [], environment: {}, workingDir: '/project', homeDir: '/home/me', ...request },
    memoryReader(all, stdin),
  )
}

/** The problems of a load that must fail. */
export async function problemsOf(files: Files | string, options: LoadOptions = {}): Promise<readonly ConfigProblem[]> {
  try {
    await load(files, options)
  } catch (error) {
    if (error instanceof ConfigErrors) return error.problems
    throw error
  }
  throw new Error('the load should have failed')
}

/** "CODE line:column" of each problem. */
export function places(problems: readonly ConfigProblem[]): string[] {
  return problems.map(({ code, location }) => `${code} ${location?.line ?? '-'}:${location?.column ?? '-'}`)
}

/** The service "web" of a project that has only it, from the text of its attributes. */
export async function loadWeb(
  attributes: string,
  options: LoadOptions & { readonly rest?: string } = {},
): Promise<Service> {
  const { rest = '', ...others } = options
  const { project } = await load(webFile(attributes, rest), others)
  const { web } = project.services
  if (web === undefined) throw new Error('there is no service "web"')
  return web
}

/** A file with the service "web", an image, and these lines of attributes. */
export function webFile(attributes: string, rest = ''): string {
  const lines = attributes.replace(/^\n/, '').trimEnd().split('\n')
  const indent = /^ */.exec(lines[0] ?? '')?.[0].length ?? 0
  const body = lines.map((line) => `    ${line.slice(indent)}`).join('\n')
  return `services:\n  web:\n    image: app\n${body}\n${rest}`
}

/** What the volumes of a service come from. */
export function sourcesOf(service: Service | undefined): (string | undefined)[] {
  return (service?.volumes ?? []).map((volume) => ('source' in volume ? volume.source : undefined))
}
