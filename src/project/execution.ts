/** What the handlers of one plan share while it runs. */
import type { Project } from '../compose/model.ts'
import type { ProjectContext } from './context.ts'
import type { ContainerRef } from './plan.ts'
import { createPreStart, type PreStart } from './pre-start.ts'
import { createReadiness } from './readiness.ts'
import type { Readiness } from './readiness.ts'

export interface Execution {
  readonly context: ProjectContext
  /** Absent when there are only labels to go by. */
  readonly project: Project | undefined
  /** Seccomp profiles by path. */
  readonly seccompProfiles: Readonly<Record<string, string>>
  /** Final container name -> id, of what the plan has made so far. */
  readonly ids: Map<string, string>
  readonly readiness: Readiness
  readonly preStart: PreStart
  /** Fires with the first operation that fails. */
  readonly failed: AbortController
  /** Told right after a container has been started. */
  onStarted(container: { readonly id: string; readonly name: string }): void
  /** Ends the waiting for events. */
  [Symbol.dispose](): void
}

export interface ExecutionInput {
  readonly projectName: string
  readonly project?: Project
  readonly seccompProfiles?: Readonly<Record<string, string>>
  readonly onStarted?: Execution['onStarted']
}

/** Hold it with `using`. */
export function createExecution(context: ProjectContext, input: ExecutionInput): Execution {
  const readiness = createReadiness(context, input.projectName)
  return {
    context,
    project: input.project,
    seccompProfiles: input.seccompProfiles ?? {},
    ids: new Map(),
    readiness,
    preStart: createPreStart(context),
    failed: new AbortController(),
    onStarted: input.onStarted ?? (() => {}),
    [Symbol.dispose]: () => readiness.close(),
  }
}

export function resolveId(execution: Execution, ref: ContainerRef): string {
  const id = ref.id ?? execution.ids.get(ref.name)
  if (id === undefined) throw new Error(`plan refers to container ${ref.name}, which it did not make`)
  return id
}
