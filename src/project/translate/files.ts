/**
 * Secrets and configs whose text comes from a variable or from the Compose file: copied into the container before it
 * starts, with owner and mode. Those with a `file` are read-only bind mounts (mounts.ts). Pure.
 */
import { createHash } from 'node:crypto'
import type { FileObject, Project, Service, ServiceFile } from '../../compose/model.ts'
import { ConfigErrors, MycomposeError, UnsupportedError } from '../../errors.ts'
import type { ConfigProblem } from '../../errors.ts'
import type { TarFile } from './tar.ts'

const DEFAULT_MODE = 0o444

export interface FileUse {
  readonly use: ServiceFile
  readonly object: FileObject
}

export type FileKind = 'secrets' | 'configs'

export interface LocalFile {
  readonly kind: FileKind
  /** Its name in the project's secrets or configs. */
  readonly key: string
  readonly service: string
  readonly path: string
}

/** The files of a service with their definitions. Throws UnsupportedError for external ones. */
export function fileObjects(project: Project, service: Service, kind: FileKind): readonly FileUse[] {
  return service[kind].map((use) => {
    const object = project[kind][use.source]
    const word = kind.slice(0, -1)
    if (object === undefined) {
      throw new MycomposeError(`service "${service.name}" uses undefined ${word} "${use.source}"`, {
        code: 'UNDEFINED',
      })
    }
    if (object.external) {
      throw new UnsupportedError(`unsupported external ${word} "${use.source}" of service "${service.name}"`, {
        hint: `give the ${word} a file, an environment variable${kind === 'configs' ? ' or content' : ''} instead`,
      })
    }
    return { use, object }
  })
}

/** Files to copy in, sorted by path. */
export function toContentFiles(project: Project, service: Service, mtimeSeconds: number): readonly TarFile[] {
  return [...contentFiles(project, service, 'secrets'), ...contentFiles(project, service, 'configs')]
    .map(({ use, content }) => ({
      path: use.target.replace(/^\/+/, ''),
      content: Buffer.from(content),
      mode: use.mode ?? DEFAULT_MODE,
      uid: Number(use.uid ?? 0),
      gid: Number(use.gid ?? 0),
      mtimeSeconds,
    }))
    .toSorted((left, right) => (left.path < right.path ? -1 : 1))
}

/** Digest of what toContentFiles gives (without times), or undefined when there is nothing. */
export function contentHash(project: Project, service: Service): string | undefined {
  const files = toContentFiles(project, service, 0)
  if (files.length === 0) return undefined
  const hash = createHash('sha256')
  for (const { path, content, mode, uid, gid } of files) {
    hash.update(`${JSON.stringify([path, mode, uid, gid, content.length])}\n`).update(content)
  }
  return hash.digest('hex')
}

/** Before anything is made: all variables that secrets and configs need and that are not set. @throws ConfigErrors */
export function checkContents(project: Project, services: readonly Service[]): void {
  const problems = new Map<string, ConfigProblem>()
  for (const kind of ['secrets', 'configs'] as const) {
    for (const { use, object } of services.flatMap((service) => fileObjects(project, service, kind))) {
      const { content, environment } = object
      if (content !== undefined || environment === undefined || project.environment[environment] !== undefined) continue
      problems.set(`${kind}.${use.source}`, missingVariable(environment, kind, use.source))
    }
  }
  if (problems.size > 0) throw new ConfigErrors([...problems.values()])
}

/** Those that are bind mounts of files on this machine. */
export function localFiles(project: Project, services: readonly Service[]): readonly LocalFile[] {
  return services.flatMap((service) =>
    (['secrets', 'configs'] as const).flatMap((kind) =>
      fileObjects(project, service, kind).flatMap(({ use, object }) =>
        object.file === undefined ? [] : [{ kind, key: use.source, service: service.name, path: object.file }],
      ),
    ),
  )
}

function missingVariable(variable: string, kind: FileKind, key: string): ConfigProblem {
  return {
    code: 'MISSING_VARIABLE',
    message: `environment variable "${variable}" required by ${kind.slice(0, -1)} "${key}" is not set`,
    hint: `set it in the shell or in .env: ${variable}=...`,
    path: [kind, key, 'environment'],
  }
}

/** What is asked for and cannot be had, in words. */
export function fileWarnings(project: Project, service: Service): readonly string[] {
  return (['secrets', 'configs'] as const).flatMap((kind) =>
    fileObjects(project, service, kind)
      .filter(({ use, object }) => object.file !== undefined && hasOwnership(use))
      .map(
        ({ use }) =>
          `${kind} "${use.source}" of service "${service.name}": uid, gid and mode are those of the file on this machine`,
      ),
  )
}

function hasOwnership({ uid, gid, mode }: ServiceFile): boolean {
  return uid !== undefined || gid !== undefined || mode !== undefined
}

function contentFiles(
  project: Project,
  service: Service,
  kind: FileKind,
): readonly { readonly use: ServiceFile; readonly content: string }[] {
  return fileObjects(project, service, kind).flatMap(({ use, object }) => {
    const content = contentOf(project, object, use.source, kind)
    return content === undefined ? [] : [{ use, content }]
  })
}

function contentOf(project: Project, object: FileObject, key: string, kind: FileKind): string | undefined {
  if (object.content !== undefined) return object.content
  if (object.environment === undefined) return undefined
  const value = project.environment[object.environment]
  if (value !== undefined) return value
  throw new ConfigErrors([missingVariable(object.environment, kind, key)])
}
