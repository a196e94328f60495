/** `ls`: all projects of an engine, found by labels, in one request. */
import type { ContainerSummary } from '../api/types/index.ts'
import type { ProjectContext } from './context.ts'
import { LABEL } from './labels.ts'

export interface LsOptions {
  /** Stopped projects too. */
  readonly all?: boolean
}

export interface ProjectSummary {
  readonly name: string
  /** "exited(1), running(2)" */
  readonly status: string
  readonly configFiles: readonly string[]
}

/** Sorted by name. */
export async function ls(context: ProjectContext, options: LsOptions): Promise<readonly ProjectSummary[]> {
  const all = await context.client.containers.list({
    all: options.all === true,
    filters: { label: [LABEL.project, LABEL.configHash] },
  })
  const containers = all.filter((container) => container.Labels[LABEL.oneOff] !== 'True')
  const byProject = Map.groupBy(containers, (container) => container.Labels[LABEL.project] ?? '')
  return [...byProject]
    .map(([name, members]) => ({ name, status: combineStates(members), configFiles: configFilesOf(members) }))
    .toSorted((left, right) => (left.name < right.name ? -1 : 1))
}

function combineStates(containers: readonly ContainerSummary[]): string {
  const counts = Map.groupBy(containers, ({ State }) => State)
  return [...counts]
    .map(([state, members]) => `${state}(${members.length})`)
    .toSorted()
    .join(', ')
}

function configFilesOf(containers: readonly ContainerSummary[]): readonly string[] {
  const files = containers.flatMap(({ Labels }) => (Labels[LABEL.configFiles] ?? '').split(','))
  return [...new Set(files)].filter((file) => file !== '')
}
