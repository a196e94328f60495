/**
 * Which services take part: those of active profiles, and of these the ones named on the command line with all that
 * they depend on. Source: Compose Specification, "profiles".
 */
import type { ServiceDraft } from './draft.ts'
import { nearestName } from '../edit-distance.ts'
import { completeService } from './defaults.ts'
import type { Problems } from './problems.ts'
import type { LoadRequest } from './request.ts'

export interface Selection {
  /** Sorted names. */
  readonly enabled: readonly string[]
  readonly disabled: readonly string[]
  /** All active ones, those of named services too. */
  readonly profiles: readonly string[]
}

type Drafts = Readonly<Record<string, ServiceDraft>>

/** --profile, else COMPOSE_PROFILES. */
export function requestedProfiles(request: LoadRequest, variables: Readonly<Record<string, string>>): string[] {
  if (request.profiles.length > 0) return [...request.profiles]
  return (variables['COMPOSE_PROFILES'] ?? '').split(',').filter((profile) => profile !== '')
}

export function selectServices(
  drafts: Drafts,
  requested: readonly string[],
  request: LoadRequest,
  problems: Problems,
): Selection {
  const names = Object.keys(drafts).toSorted()
  const wanted = request.services ?? []
  for (const name of wanted) if (!Object.hasOwn(drafts, name)) reportUnknown(name, names, problems)
  // Naming a service turns on its profiles.
  const implied = wanted.flatMap((name) => (Object.hasOwn(drafts, name) ? (drafts[name]?.profiles ?? []) : []))
  const profiles = [...new Set([...requested, ...implied])]
  const active = names.filter((name) => isActive(drafts[name], profiles))
  const enabled = wanted.length === 0 ? active : withDependencies(wanted, active, drafts, request)
  const taken = new Set(enabled)
  return { enabled, disabled: names.filter((name) => !taken.has(name)), profiles }
}

function isActive(draft: ServiceDraft | undefined, profiles: readonly string[]): boolean {
  const own = draft?.profiles ?? []
  return own.length === 0 || profiles.includes('*') || own.some((profile) => profiles.includes(profile))
}

function withDependencies(
  wanted: readonly string[],
  active: readonly string[],
  drafts: Drafts,
  request: LoadRequest,
): string[] {
  const known = new Set(active)
  const selected = new Set<string>()
  const visit = (name: string): void => {
    const draft = drafts[name]
    if (draft === undefined || !known.has(name) || selected.has(name)) return
    selected.add(name)
    if (request.withoutDependencies === true) return
    const { dependsOn } = completeService(name, draft, { environment: {}, labels: {} })
    for (const dependency of Object.keys(dependsOn)) visit(dependency)
  }
  for (const name of wanted) visit(name)
  return [...selected].toSorted()
}

function reportUnknown(name: string, names: readonly string[], problems: Problems): void {
  const nearest = nearestName(name, names)
  problems.error(undefined, {
    code: 'NO_SUCH_SERVICE',
    message: `no such service: ${name}`,
    hint: nearest === undefined ? `services: ${names.join(', ')}` : `did you mean "${nearest}"?`,
  })
}
