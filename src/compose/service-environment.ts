/**
 * A service's variables and labels: env_file and label_file read and put below what the file says itself; keys
 * without value taken from the project's variables. Source: Compose Specification, "env_file", "environment".
 */
import { parseDotenv, parseRawEnv } from './dotenv.ts'
import type { ServiceDraft } from './draft.ts'
import { lookupIn, type Lookup } from './interpolate.ts'
import type { Problems } from './problems.ts'
import { readText } from './read-text.ts'
import type { SourceReader } from './request.ts'
import { locationOf, sourceFile, type Origin } from './source-file.ts'

export interface EnvironmentContext {
  readonly reader: SourceReader
  readonly problems: Problems
  readonly lookup: Lookup
  /** Where the service's attribute stands. */
  originOf(path: readonly string[]): Origin | undefined
}

/** Keys without value become the project's value, or null: explicitly unset in the container. */
export function resolveVariables(
  variables: Readonly<Record<string, string | null>>,
  lookup: Lookup,
): Record<string, string | null> {
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [name, value === null ? (lookup(name) ?? null) : value]),
  )
}

/** The environment of a service with its env files. A missing file is a problem unless `required: false`. */
export async function readServiceEnvironment(
  name: string,
  draft: ServiceDraft,
  context: EnvironmentContext,
): Promise<Record<string, string | null>> {
  const fromFiles: Record<string, string> = {}
  const earlier = lookupIn(fromFiles)
  for (const [index, { path, required = true, format }] of (draft.envFile ?? []).entries()) {
    const origin = context.originOf(['services', name, 'env_file', String(index)])
    const text = await readNamed('env file', path, required ? origin : null, context)
    if (text === undefined) continue
    const lookup: Lookup = (key) => context.lookup(key) ?? earlier(key)
    const source = sourceFile(path, text)
    const parse = format === 'raw' ? parseRawEnv : parseDotenv
    Object.assign(fromFiles, parse(source, lookup, problemsWithin(`env file of service "${name}"`, origin, context)))
  }
  return { ...fromFiles, ...resolveVariables(draft.environment ?? {}, context.lookup) }
}

export async function readServiceLabels(
  name: string,
  draft: ServiceDraft,
  context: EnvironmentContext,
): Promise<Record<string, string>> {
  const fromFiles: Record<string, string> = {}
  for (const [index, path] of (draft.labelFile ?? []).entries()) {
    const origin = context.originOf(['services', name, 'label_file', String(index)])
    const text = await readNamed('label file', path, origin, context)
    if (text === undefined) continue
    const problems = problemsWithin(`label file of service "${name}"`, origin, context)
    Object.assign(fromFiles, parseDotenv(sourceFile(path, text), context.lookup, problems))
  }
  return { ...fromFiles, ...draft.labels }
}

/** What is wrong in a file names who reads it. */
function problemsWithin(what: string, origin: Origin | undefined, { problems }: EnvironmentContext): Problems {
  if (origin === undefined) return problems
  const { file, line } = locationOf(origin)
  return problems.within(`${what}, ${file}:${line}`, origin)
}

/** `origin` null: a missing file is fine. */
async function readNamed(
  what: string,
  path: string,
  origin: Origin | undefined | null,
  { reader, problems }: EnvironmentContext,
): Promise<string | undefined> {
  const read = await readText(path, { origin: origin ?? undefined, problems }, reader)
  if ('text' in read) return read.text
  if (read.missing && origin !== null) {
    const hint = what === 'env file' ? 'create it, or mark it "required: false"' : undefined
    problems.error(origin, { code: 'FILE_NOT_FOUND', message: `${what} ${path} not found`, hint })
  }
  return undefined
}
