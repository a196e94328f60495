/** `up` and `create`: makes what exists equal to the model, starts it, and waits where asked. */
import type { Project } from '../compose/model.ts'
import type { ProjectContext } from './context.ts'
import type { Plan } from './plan.ts'

export interface UpOptions {
  /** Named on the command line; empty: all. Dependencies come along unless `noDeps`. */
  readonly services?: readonly string[]
  readonly forceRecreate?: boolean
  readonly noRecreate?: boolean
  readonly alwaysRecreateDeps?: boolean
  readonly noDeps?: boolean
  readonly removeOrphans?: boolean
  /** No warning about orphans (COMPOSE_IGNORE_ORPHANS). */
  readonly ignoreOrphans?: boolean
  /** Replicas by service; overrides the file. */
  readonly scale?: Readonly<Record<string, number>>
  /** Wait until services run and are healthy. */
  readonly wait?: boolean
  readonly waitTimeoutMs?: number
  /** Create, do not start. */
  readonly noStart?: boolean
  readonly renewAnonymousVolumes?: boolean
  /** Grace of stops; absent: each container's own. */
  readonly timeoutSeconds?: number
  /** Plan only. */
  readonly dryRun?: boolean
  /** Overrides the services' own policy. */
  readonly pull?: 'always' | 'missing' | 'never'
  /** Answer yes to the loss of volume content. */
  readonly assumeYes?: boolean
}

export interface UpResult {
  /** `formatPlan(plan)` is what --dry-run prints. */
  readonly plan: Plan
  /** Containers of the services that were asked for (not of their dependencies), sorted by name. */
  readonly containers: readonly UpContainer[]
}

export interface UpContainer {
  readonly id: string
  /** Without "/". */
  readonly name: string
  readonly service: string
  readonly number: number
}

export function up(context: ProjectContext, project: Project, options: UpOptions): Promise<UpResult> {
  throw new Error(`not wired yet: ${project.name} ${JSON.stringify(options)} ${context.parallel}`)
}
