/**
 * The labels by which a project is found again, as docker compose writes them: containers, networks and volumes of one
 * tool are understood by the other. Source: docker/compose pkg/api/labels.go (names only).
 */
import type { DependencyCondition, Project, Service } from '../compose/model.ts'

export const LABEL = {
  project: 'com.docker.compose.project',
  service: 'com.docker.compose.service',
  version: 'com.docker.compose.version',
  configHash: 'com.docker.compose.config-hash',
  containerNumber: 'com.docker.compose.container-number',
  oneOff: 'com.docker.compose.oneoff',
  slug: 'com.docker.compose.slug',
  workingDir: 'com.docker.compose.project.working_dir',
  configFiles: 'com.docker.compose.project.config_files',
  environmentFile: 'com.docker.compose.project.environment_file',
  image: 'com.docker.compose.image',
  dependsOn: 'com.docker.compose.depends_on',
  replace: 'com.docker.compose.replace',
  /** The kind of a hook that has a container of its own: "pre_start". */
  hook: 'com.docker.compose.hook',
  network: 'com.docker.compose.network',
  volume: 'com.docker.compose.volume',
  /** Ours: digest of the secrets and configs that were copied in, so that a changed text recreates the container. */
  contentHash: 'mycompose.content-hash',
} as const

/** The filter that selects everything of a project. */
export function projectFilter(projectName: string): Readonly<Record<string, readonly string[]>> {
  return { label: [`${LABEL.project}=${projectName}`] }
}

export interface ContainerLabelInput {
  readonly project: Project
  readonly service: Service
  readonly number: number
  /** Of a one-off, which has no number. */
  readonly slug: string | undefined
  readonly configHash: string
  readonly contentHash: string | undefined
  readonly imageDigest: string
  /** Name of the container that this one takes the place of. */
  readonly replaces: string | undefined
  /** Version of this program. */
  readonly version: string
}

/** User labels first: ours win, `com.docker.compose.` is reserved. */
export function containerLabels(input: ContainerLabelInput): Readonly<Record<string, string>> {
  const { project, service, slug, contentHash, replaces } = input
  return {
    ...service.labels,
    [LABEL.project]: project.name,
    [LABEL.service]: service.name,
    [LABEL.version]: input.version,
    [LABEL.configHash]: input.configHash,
    ...(slug === undefined ? { [LABEL.containerNumber]: String(input.number) } : { [LABEL.slug]: slug }),
    [LABEL.oneOff]: slug === undefined ? 'False' : 'True',
    [LABEL.workingDir]: project.workingDir,
    [LABEL.configFiles]: project.composeFiles.join(','),
    ...(project.envFiles.length > 0 ? { [LABEL.environmentFile]: project.envFiles.join(',') } : {}),
    [LABEL.image]: input.imageDigest,
    [LABEL.dependsOn]: formatDependsOn(service),
    ...(contentHash === undefined ? {} : { [LABEL.contentHash]: contentHash }),
    ...(replaces === undefined ? {} : { [LABEL.replace]: replaces }),
  }
}

/** @example "cache:service_started:false,db:service_healthy:true" */
export function formatDependsOn(service: Service): string {
  return Object.entries(service.dependsOn)
    .map(([name, { condition, restart }]) => `${name}:${condition}:${restart}`)
    .toSorted()
    .join(',')
}

export interface LabelledDependency {
  readonly name: string
  readonly condition: DependencyCondition
  readonly restart: boolean
}

/** What the label says; what is malformed is left out. */
export function parseDependsOn(label: string | undefined): readonly LabelledDependency[] {
  return (label ?? '')
    .split(',')
    .map((part) => part.split(':'))
    .flatMap(([name, condition, restart]) =>
      name === undefined || name === ''
        ? []
        : [
            {
              name,
              condition: CONDITIONS.find((one) => one === condition) ?? 'service_started',
              restart: restart === 'true',
            },
          ],
    )
}

const CONDITIONS = ['service_started', 'service_healthy', 'service_completed_successfully'] as const

/** Labels of a network or a volume: the user's own, and those by which it is found again. */
export function resourceLabels(
  kind: 'network' | 'volume',
  projectName: string,
  key: string,
  input: {
    readonly labels: Readonly<Record<string, string>> | undefined
    readonly hash: string
    readonly version: string
  },
): Readonly<Record<string, string>> {
  return {
    ...input.labels,
    [LABEL.project]: projectName,
    [LABEL[kind]]: key,
    [LABEL.version]: input.version,
    [LABEL.configHash]: input.hash,
  }
}
