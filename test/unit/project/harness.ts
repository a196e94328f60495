/** A project from Compose text, and a context around a fake engine that records progress. */
import { setTimeout as delay } from 'node:timers/promises'
import { loadProject } from '../../../src/compose/load.ts'
import type { Project } from '../../../src/compose/model.ts'
import { CanceledError } from '../../../src/errors.ts'
import type { ProjectContext } from '../../../src/project/context.ts'
import { createFakeEngine } from './fake-engine.ts'
import type { FakeEngine } from './fake-engine.ts'

/** Named "p", in /work. */
export async function project(
  yaml: string,
  options: { readonly environment?: Readonly<Record<string, string>>; readonly profiles?: readonly string[] } = {},
): Promise<Project> {
  const { environment = {}, profiles = [] } = options
  const loaded = await loadProject(
    { files: ['/work/compose.yaml'], projectName: 'p', profiles, environment, workingDir: '/work' },
    {
      readText: (path) => Promise.resolve(path === '/work/compose.yaml' ? yaml : undefined),
      readStdin: () => Promise.resolve(''),
      exists: (path) => Promise.resolve(path === '/work/compose.yaml'),
    },
  )
  return loaded.project
}

export interface Harness {
  readonly engine: FakeEngine
  readonly context: ProjectContext
  /** "Container p-db-1 Started" */
  readonly progress: string[]
  readonly notices: string[]
  readonly abort: AbortController
}

/** With the images "app" and "db". */
export function createHarness(): Harness {
  const engine = createFakeEngine()
  engine.addImage('app')
  engine.addImage('db')
  const progress: string[] = []
  const notices: string[] = []
  const abort = new AbortController()
  const context: ProjectContext = {
    client: engine.client,
    sink: {
      progress: ({ id, text, details }) =>
        void progress.push(details === undefined ? `${id} ${text}` : `${id} ${text}: ${details}`),
      notice: ({ text }) => void notices.push(text),
    },
    signal: abort.signal,
    clock: {
      nowMs: () => Date.now(),
      async sleep(ms, signal) {
        try {
          await delay(ms, undefined, signal === undefined ? {} : { signal })
        } catch (cause) {
          throw new CanceledError('canceled while waiting', { cause })
        }
      },
    },
    parallel: Infinity,
    readFile: () => Promise.resolve(Buffer.from('{}')),
    kindOf: () => Promise.resolve('directory'),
    openSshAgent: (path) =>
      Promise.resolve({ socketPath: `${path}.agent`, [Symbol.asyncDispose]: () => Promise.resolve() }),
  }
  return { engine, context, progress, notices, abort }
}
