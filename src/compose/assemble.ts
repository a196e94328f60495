/**
 * Last phases of a load: from the merged draft to the project. Profiles and selection -> env files -> defaults ->
 * names -> rules -> resources in use.
 */
import { completeService, type ResolvedVariables } from './defaults.ts'
import type { ProjectDraft, ServiceDraft } from './draft.ts'
import { lookupIn, type Lookup } from './interpolate.ts'
import type { Project, Service } from './model.ts'
import { originAt, type MapNode } from './node.ts'
import type { Problems } from './problems.ts'
import type { LoadRequest, SourceReader } from './request.ts'
import { completeResources, sortedEntries, usedResources } from './resources.ts'
import { requestedProfiles, selectServices, type Selection } from './selection.ts'
import {
  readServiceEnvironment,
  readServiceLabels,
  resolveVariables,
  type EnvironmentContext,
} from './service-environment.ts'
import { validateProject } from './validate.ts'
import type { ProjectVariables } from './variables.ts'

export interface Merged {
  readonly name: string
  readonly workingDir: string
  readonly composeFiles: readonly string[]
  readonly variables: ProjectVariables
  readonly draft: ProjectDraft
  readonly tree: MapNode
}

export interface AssembleContext {
  readonly request: LoadRequest
  readonly reader: SourceReader
  readonly problems: Problems
  readonly removed: readonly (readonly string[])[]
}

export async function assembleProject(merged: Merged, context: AssembleContext): Promise<Project> {
  const { request, problems, removed } = context
  const { draft, tree, name, variables } = merged
  const drafts = Object.fromEntries(sortedEntries(draft.services ?? {}))
  const selection = selectServices(drafts, requestedProfiles(request, variables.values), request, problems)
  const services = await enabledServices(drafts, selection, merged, context)
  const disabledServices = disabledOnes(drafts, selection, variables)
  const all = completeResources(name, draft, { ...services, ...disabledServices })
  const project: Project = {
    name,
    workingDir: merged.workingDir,
    composeFiles: merged.composeFiles,
    envFiles: variables.envFiles,
    environment: variables.values,
    profiles: selection.profiles,
    services,
    disabledServices,
    ...all,
    models: draft.models ?? {},
    extensions: draft.extensions ?? {},
  }
  const isFilled = request.skip?.interpolation !== true
  if (isFilled && request.skip?.consistency !== true)
    validateProject(project, tree, removed, problems, request.skip?.services === true)
  return request.allResources === true || !isFilled ? project : { ...project, ...usedResources(all, services) }
}

/** Only enabled services need their env files. */
async function enabledServices(
  drafts: Readonly<Record<string, ServiceDraft>>,
  { enabled }: Selection,
  { tree, variables, workingDir }: Merged,
  { request, reader, problems }: AssembleContext,
): Promise<Record<string, Service>> {
  const lookup = lookupIn(variables.values)
  const environment: EnvironmentContext = { reader, problems, lookup, originOf: (path) => originAt(tree, path) }
  const options = {
    defaultContext: request.skip?.pathResolution === true ? '.' : workingDir,
    isNormalised: request.skip?.normalization !== true,
  }
  const keepsEnvFiles = request.skip?.envResolution === true || request.skip?.interpolation === true
  const services: Record<string, Service> = {}
  for (const name of enabled) {
    const draft = withArguments(drafts[name] ?? {}, request.skip?.normalization === true ? undefined : lookup)
    services[name] = completeService(
      name,
      draft,
      keepsEnvFiles
        ? asWritten(draft)
        : {
            environment: await readServiceEnvironment(name, draft, environment),
            labels: await readServiceLabels(name, draft, environment),
          },
      options,
    )
  }
  return services
}

/** Without reading env files: they are named instead. */
function asWritten({ environment, labels, envFile, labelFile }: ServiceDraft): ResolvedVariables {
  return {
    environment: environment ?? {},
    labels: labels ?? {},
    ...(envFile === undefined ? {} : { envFile }),
    ...(labelFile === undefined ? {} : { labelFile }),
  }
}

/** A build argument without value is the project's variable of that name, or none. */
function withArguments(draft: ServiceDraft, lookup: Lookup | undefined): ServiceDraft {
  const written = draft.build?.args
  if (draft.build === undefined || written === undefined || lookup === undefined) return draft
  const args = Object.entries(resolveVariables(written, lookup)).filter(([, value]) => value !== null)
  const { args: _written, ...build } = draft.build
  return { ...draft, build: args.length === 0 ? build : { ...build, args: Object.fromEntries(args) } }
}

function disabledOnes(
  drafts: Readonly<Record<string, ServiceDraft>>,
  { disabled }: Selection,
  variables: ProjectVariables,
): Record<string, Service> {
  const lookup = lookupIn(variables.values)
  const services: Record<string, Service> = {}
  for (const name of disabled) {
    const draft = drafts[name] ?? {}
    const environment = resolveVariables(draft.environment ?? {}, lookup)
    services[name] = completeService(name, draft, { environment, labels: draft.labels ?? {} })
  }
  return services
}
