/**
 * What a load asks for and answers. The caller (cli) supplies the shell's environment and a reader; compose itself
 * touches neither. Types only.
 */
import type { ConfigProblem, SourceLocation } from '../errors.ts'
import type { Project } from './model.ts'
import type { TemplateVariable } from './template-variables.ts'

export interface LoadRequest {
  /** -f, in order; "-" is standard input. Absent or empty: COMPOSE_FILE, then discovery from `workingDir` upward. */
  readonly files?: readonly string[]
  /** --project-directory; relative to `workingDir`. */
  readonly projectDirectory?: string
  /** -p. */
  readonly projectName?: string
  /** --env-file, in order; the later wins. Absent or empty: COMPOSE_ENV_FILES, then `.env`. */
  readonly envFiles?: readonly string[]
  /** --profile; those of COMPOSE_PROFILES count when there are none. "*" is all. */
  readonly profiles: readonly string[]
  /** The shell's environment. */
  readonly environment: Readonly<Record<string, string>>
  /** Absolute: where the command was given. */
  readonly workingDir: string
  /** The user's home, for "~/"; absent: HOME of `environment`. */
  readonly homeDir?: string
  /** Services named on the command line, with their dependencies; empty: all. */
  readonly services?: readonly string[]
  /** --no-deps: the named services without their dependencies. */
  readonly withoutDependencies?: boolean
  /** What the command line says of one service; over all files. */
  readonly overlay?: ServiceOverlay
  /** Keep networks, volumes, secrets and configs that no enabled service uses. */
  readonly allResources?: boolean
  /** Steps that `config --no-...` leaves out. */
  readonly skip?: {
    readonly interpolation?: boolean
    readonly consistency?: boolean
    readonly envResolution?: boolean
    readonly normalization?: boolean
    readonly pathResolution?: boolean
    /** That there is a service at all: for commands that start nothing. */
    readonly services?: boolean
    /** Warnings of what the engine does not honour: for commands that start nothing. */
    readonly unsupported?: boolean
  }
}

export interface ServiceOverlay {
  readonly service: string
  /** Attributes in their Compose syntax; `merge` as the YAML tags: instead of the files' value, or away with it. */
  readonly attributes: readonly {
    readonly name: string
    readonly value: unknown
    readonly merge?: 'override' | 'reset'
  }[]
}

/** The only way in which src/compose sees files. Paths are absolute. */
export interface SourceReader {
  /** undefined when there is no such file; throws when it cannot be read. */
  readText(path: string): Promise<string | undefined>
  readStdin(): Promise<string>
  exists(path: string): Promise<boolean>
  kind?(path: string): Promise<'file' | 'directory' | undefined>
}

export interface LoadResult {
  readonly project: Project
  /** Each told once, in the order of files and lines. */
  readonly warnings: readonly ConfigProblem[]
  /** What the files use of variables; only where they were loaded without interpolation. */
  readonly variables: () => readonly TemplateVariable[]
  /** Where the value at a path stands, e.g. ["services", "web", "depends_on", "db"] (snake_case keys). */
  readonly locate: (path: readonly string[]) => SourceLocation | undefined
  /** A problem at that path with the line of the file, for errors found after loading. */
  readonly problemAt: (
    path: readonly string[],
    problem: { readonly code: string; readonly message: string; readonly hint?: string },
  ) => ConfigProblem
}

/** The project's name and folder, when nothing else of the file is needed (`-p NAME ps` works without a file). */
export interface ProjectIdentity {
  readonly name: string
  readonly workingDir: string
  readonly composeFiles: readonly string[]
}
