/**
 * What one command works with: the loaded project, the engine, the progress view. Everything is made when it is first
 * asked for, so a command pays only for what it uses.
 */
import type { EngineClient } from '../api/client/client.ts'
import type { AuthConfig } from '../api/types/index.ts'
import type { LoadRequest, LoadResult } from '../compose/request.ts'
import type { Project } from '../compose/model.ts'
import { ConfigErrors, MycomposeError, UsageError } from '../errors.ts'
import type { ProjectContext, ProjectTarget } from '../project/context.ts'
import type { EngineLocation } from './engine.ts'
import type { GlobalOptions } from './globals.ts'
import { readStdin, write, type CliIo } from './io.ts'
import type { ProgressRenderer } from './output/renderer.ts'
import { loadStyle, wantsColour, type Style } from './output/style.ts'

export interface LoadOptions {
  readonly services?: readonly string[]
  readonly withoutDependencies?: boolean
  readonly allResources?: boolean
  readonly skip?: LoadRequest['skip']
  readonly overlay?: LoadRequest['overlay']
  /** Turn every profile on: for commands about what exists. */
  readonly allProfiles?: boolean
}

export interface Session {
  readonly io: CliIo
  readonly globals: GlobalOptions
  /** Fires on SIGINT, SIGTERM and when standard output is closed. */
  readonly signal: AbortSignal
  engineLocation(): Promise<EngineLocation>
  /** Text to standard output; waits for slow readers. */
  print(text: string): Promise<void>
  /** A line of status or warning to standard error. */
  tell(text: string): Promise<void>
  /** From now on the first signal calls `listener` instead of ending the command. */
  readonly takeSignals: (listener: (signal: 'SIGINT' | 'SIGTERM') => void) => void
  /** Loads the Compose files and tells their warnings. @throws ConfigErrors */
  load(options?: LoadOptions): Promise<LoadResult>
  project(options?: LoadOptions): Promise<Project>
  /**
   * With -p and no -f: only the name, no file is read (so a project can be managed without its files). What the engine
   * does not honour is not told: nothing is made.
   */
  target(options?: LoadOptions): Promise<ProjectTarget>
  /** Starts the engine when it does not run. */
  client(): Promise<EngineClient>
  context(): Promise<ProjectContext>
  /** Runs `work` with a progress view that is finished when it ends, however it ends. */
  use<T>(work: (context: ProjectContext) => Promise<T>): Promise<T>
  /** Colours for a stream: none unless it is a terminal (or --ansi always). */
  style(stream: 'stdout' | 'stderr'): Promise<Style>
  renderer(): Promise<ProgressRenderer>
  close(): Promise<void>
}

export interface SessionOptions {
  readonly io: CliIo
  readonly globals: GlobalOptions
  readonly signal: AbortSignal
  readonly takeSignals: Session['takeSignals']
}

export function createSession({ io, globals, signal, takeSignals }: SessionOptions): Session {
  const location = once(async () => (await import('./engine.ts')).locateEngine(globals, io.env))
  const renderer = once(async () => (await import('./output/renderer.ts')).createRenderer(io, globals))
  const client = once(async () => {
    const engine = io.client ?? (await (await import('./engine.ts')).openEngine(await location(), io))
    if (!globals.dryRun) return engine
    const { dryRunClient } = await import('./dry-run.ts')
    return dryRunClient(engine)
  })
  const reader = { ...io.host.sources, readStdin: once(() => readStdin(io.stdin)) }
  let clientAsked = false
  const session: Session = {
    io,
    globals,
    signal,
    takeSignals,
    engineLocation: location,
    print: (text) => write(io.stdout, text),
    tell: (text) => write(io.stderr, text),
    async load(options = {}) {
      const { loadProject } = await import('../compose/load.ts')
      const result = await loadProject(loadRequest(globals, io, options), reader)
      await tellWarnings(result.warnings)
      return result
    },
    project: async (options) => (await session.load(options)).project,
    async target(options) {
      const { projectName, files } = globals
      if (projectName !== undefined && files.length === 0) return { name: await identify(projectName) }
      try {
        const project = await session.project({ allProfiles: true, skip: { unsupported: true }, ...options })
        return { name: project.name, project }
      } catch (error) {
        if (error instanceof ConfigErrors) return { name: await nameDespite(error) }
        // COMPOSE_PROJECT_NAME is enough, as -p is
        if (error instanceof MycomposeError && error.code === 'NO_COMPOSE_FILE') return { name: await identify() }
        throw error
      }
    },
    client() {
      clientAsked = true
      return client()
    },
    async context() {
      return {
        client: await session.client(),
        sink: await session.renderer(),
        signal,
        clock: io.host.clock,
        parallel: globals.parallel,
        dryRun: globals.dryRun,
        readFile: (path) => io.host.files.readFile(path),
        kindOf: (path) => io.host.sources.kind(path),
        openSshAgent: async (path) => (await import('./ssh-agent.ts')).openSshAgent(io.host, path),
        openBuildView: async () => (await session.renderer()).openBuildView(),
        loginFor,
      }
    },
    async use(work) {
      const context = await session.context()
      try {
        return await work(context)
      } finally {
        await (await session.renderer()).settle()
      }
    },
    style: (stream) => loadStyle(wantsColour(globals.ansi, io[stream].isTTY === true)),
    renderer,
    async close() {
      if (!clientAsked || io.client !== undefined) return
      const opened = await client().catch(() => undefined) // why it failed has been told
      opened?.close()
    },
  }
  return session

  async function loginFor(image: string): Promise<AuthConfig | undefined> {
    const [{ loginForImage }, sink] = await Promise.all([import('./credentials/logins.ts'), session.renderer()])
    return await loginForImage(io, image, ({ message }) => sink.notice({ level: 'warning', text: message }))
  }

  async function tellWarnings(warnings: LoadResult['warnings']): Promise<void> {
    if (warnings.length === 0 || globals.progress === 'quiet') return
    const { formatProblem } = await import('./output/error.ts')
    const style = await session.style('stderr')
    for (const warning of warnings) await session.tell(formatProblem(warning, 'warning', style))
  }

  async function identify(name?: string): Promise<string> {
    const { identifyProject } = await import('../compose/load.ts')
    const request = loadRequest(globals, io, {})
    return (await identifyProject(name === undefined ? request : { ...request, projectName: name }, reader)).name
  }

  /** What exists can be looked at and removed by its labels, though a variable is unset or a key misspelt by now. */
  async function nameDespite(errors: ConfigErrors): Promise<string> {
    const name = await identify().catch(() => {
      throw errors
    })
    const message = `the files have problems, so project "${name}" is found by its labels alone`
    await tellWarnings([...errors.problems, { code: 'LABELS_ONLY', message, hint: '`mycompose config` checks them' }])
    return name
  }
}

function loadRequest(globals: GlobalOptions, io: CliIo, options: LoadOptions): LoadRequest {
  const { services, withoutDependencies, skip, overlay } = options
  return {
    files: globals.files,
    envFiles: globals.envFiles,
    profiles: options.allProfiles === true ? ['*'] : globals.profiles,
    environment: io.env,
    workingDir: io.cwd,
    homeDir: io.host.homeDir,
    allResources: options.allResources ?? globals.allResources,
    ...(globals.projectName === undefined ? {} : { projectName: globals.projectName }),
    ...(globals.projectDirectory === undefined ? {} : { projectDirectory: globals.projectDirectory }),
    ...(services === undefined ? {} : { services }),
    ...(withoutDependencies === undefined ? {} : { withoutDependencies }),
    ...(skip === undefined ? {} : { skip }),
    ...(overlay === undefined ? {} : { overlay }),
  }
}

/** The same result for every call. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}

/** `--quiet` of a command: no progress, but what goes wrong is still told. */
export function quietly(context: ProjectContext, quiet: boolean | undefined): ProjectContext {
  if (quiet !== true) return context
  return { ...context, sink: { progress() {}, notice: (event) => context.sink.notice(event) } }
}

/** For commands that cannot pretend. @throws UsageError */
export function refuseDryRun(session: Session, command: string): void {
  if (session.globals.dryRun)
    throw new UsageError(`"${command}" cannot be done as a dry run`, { hint: 'leave out --dry-run' })
}
