/**
 * Rules over the whole project: resources and names. Source: Compose Specification; what docker compose refuses.
 */
import type { ProblemText } from '../source-file.ts'
import type { ProjectRule, RuleContext } from './context.ts'

export const hasServices: ProjectRule = (context) => {
  const { services, disabledServices } = context.project
  if (Object.keys(services).length + Object.keys(disabledServices).length > 0 || context.isRemoved(['services'])) return
  const message = 'the project has no services'
  context.error([], { code: 'NO_SERVICES', message, hint: 'add "services:" with at least one service' })
}

const containerNamesDiffer: ProjectRule = (context) => {
  const owners = new Map<string, string>()
  for (const { name, containerName } of Object.values(context.project.services)) {
    if (containerName === undefined) continue
    const owner = owners.get(containerName)
    if (owner !== undefined) {
      const message = `container_name "${containerName}" is used by the services "${owner}" and "${name}"`
      context.error(['services', name, 'container_name'], {
        code: 'CONTAINER_NAME',
        message,
        hint: 'give one of them another name, or none',
      })
    }
    owners.set(containerName, name)
  }
}

const externalAlone: ProjectRule = (context) => {
  for (const section of ['networks', 'volumes', 'secrets', 'configs'] as const) {
    for (const [key, resource] of Object.entries(context.project[section])) {
      if (!resource.external) continue
      const { name: _name, external: _external, extensions: _extensions, ...others } = resource
      const [extra] = Object.keys(others)
      if (extra === undefined) continue
      const message = `external ${section.slice(0, -1)} "${key}" takes no other keys than "name"`
      const hint = 'it exists already: mycompose does not create or change it'
      const problem: ProblemText = { code: 'EXTERNAL', message, hint }
      // docker compose refuses them for volumes only
      if (section === 'volumes') context.error([section, key], problem)
      else context.warn([section, key], problem)
    }
  }
}

/** A warning, as docker compose starts what it can; ranges and random ports find a free one. */
const portsDiffer: ProjectRule = (context) => {
  const owners = new Map<string, PortOwners>()
  for (const { name, ports } of Object.values(context.project.services)) {
    for (const [index, { published, protocol, hostIp = '0.0.0.0' }] of ports.entries()) {
      if (published === undefined || published === '0' || published.includes('-')) continue
      const key = `${published}/${protocol}`
      const others = owners.get(key) ?? { services: new Set(), byAddress: new Map() }
      owners.set(key, others)
      const clash = otherOwner(others, hostIp, name)
      if (clash !== undefined) {
        const message = `host port ${key} is published by the services "${clash}" and "${name}"`
        const hint = 'only one of them can run at a time: give one another host port'
        context.warn(['services', name, 'ports', String(index)], { code: 'PORT_CLASH', message, hint })
      }
      others.services.add(name)
      if (!others.byAddress.has(hostIp)) others.byAddress.set(hostIp, name)
    }
  }
}

/** Who publishes one port, in order; and the first at each address. */
interface PortOwners {
  readonly services: Set<string>
  readonly byAddress: Map<string, string>
}

const ALL_ADDRESSES = '0.0.0.0'

/** Another service with the port at this address or one that covers it. */
function otherOwner({ services, byAddress }: PortOwners, address: string, name: string): string | undefined {
  if (address === ALL_ADDRESSES) {
    for (const service of services) if (service !== name) return service
    return undefined
  }
  return [byAddress.get(address), byAddress.get(ALL_ADDRESSES)].find((owner) => owner !== undefined && owner !== name)
}

const filesHaveOneSource: ProjectRule = (context) => {
  oneSource('secrets', ['file', 'environment'], context)
  oneSource('configs', ['file', 'environment', 'content'], context)
}

function oneSource(
  section: 'secrets' | 'configs',
  keys: readonly ('file' | 'environment' | 'content')[],
  context: RuleContext,
): void {
  const kind = section.slice(0, -1)
  for (const [key, object] of Object.entries(context.project[section])) {
    const sources = keys.filter((source) => object[source] !== undefined)
    if (object.external || sources.length === 1 || keys.some((source) => context.isRemoved([section, key, source])))
      continue
    const words = keys.map((source) => `"${source}"`).join(', ')
    const message =
      sources.length === 0
        ? `${kind} "${key}" has no source`
        : `${kind} "${key}" has several sources: ${sources.join(', ')}`
    context.error([section, key], {
      code: 'FILE_SOURCE',
      message,
      hint: `give exactly one of ${words}, or "external: true"`,
    })
  }
}

export const PROJECT_RULES: readonly ProjectRule[] = [
  containerNamesDiffer,
  portsDiffer,
  externalAlone,
  filesHaveOneSource,
]
