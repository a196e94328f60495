/**
 * Names that services refer to must exist: dependencies, networks, volumes, secrets, configs, models.
 */
import { namespaceReferences } from '../defaults.ts'
import { nearestName } from '../../edit-distance.ts'
import type { Service } from '../model.ts'
import type { RuleContext, ServiceRule } from './context.ts'

const UNDEFINED = {
  networks: 'UNDEFINED_NETWORK',
  volumes: 'UNDEFINED_VOLUME',
  secrets: 'UNDEFINED_SECRET',
  configs: 'UNDEFINED_CONFIG',
  models: 'UNDEFINED_MODEL',
} as const

type Section = keyof typeof UNDEFINED

export const referencesExist: ServiceRule = (service, context) => {
  const at = (...path: readonly string[]): readonly string[] => ['services', service.name, ...path]
  const check = (section: Section, key: string, path: readonly string[]): void => {
    const declared = context.project[section]
    if (Object.hasOwn(declared, key) || context.isRemoved([section])) return
    const nearest = nearestName(key, Object.keys(declared))
    const kind = section.slice(0, -1)
    context.error(path, {
      code: UNDEFINED[section],
      message: `service "${service.name}" refers to undefined ${kind} "${key}"`,
      hint:
        nearest === undefined
          ? `declare it at the top level: "${section}: { ${key}: ... }"`
          : `did you mean "${nearest}"?`,
    })
  }
  for (const key of Object.keys(service.networks)) check('networks', key, at('networks', key))
  for (const [index, volume] of service.volumes.entries()) {
    if (volume.type !== 'volume' || volume.source === undefined) continue
    check('volumes', volume.source, at('volumes', String(index), 'source'))
  }
  for (const [index, { source }] of service.secrets.entries())
    check('secrets', source, at('secrets', String(index), 'source'))
  for (const [index, { source }] of service.configs.entries())
    check('configs', source, at('configs', String(index), 'source'))
  for (const [index, { source }] of (service.build?.secrets ?? []).entries()) {
    check('secrets', source, at('build', 'secrets', String(index), 'source'))
  }
  for (const key of Object.keys(service.models ?? {})) check('models', key, at('models', key))
}

/** What a build takes from another service is that one's image, which has to be built. */
export const contextsAreBuilt: ServiceRule = (service, context) => {
  const { services, disabledServices } = context.project
  const { build } = service
  const named = Object.entries(build?.additionalContexts ?? {}).map(([key, text]) => ['additional_contexts', key, text])
  for (const written of [['context', build?.context ?? ''], ...named]) {
    const text = written.at(-1) ?? ''
    if (!text.startsWith('service:')) continue
    const name = text.slice('service:'.length)
    const other = services[name] ?? disabledServices[name]
    const path = ['services', service.name, 'build', ...written.slice(0, -1)]
    if (other === undefined) {
      const nearest = nearestName(name, [...Object.keys(services), ...Object.keys(disabledServices)])
      context.error(path, {
        code: 'UNDEFINED_SERVICE',
        message: `the build of service "${service.name}" uses undefined service "${name}"`,
        hint: nearest === undefined ? undefined : `did you mean "${nearest}"?`,
      })
    } else if (other.build === undefined)
      context.error(path, {
        code: 'BUILD_CONTEXT',
        message: `the build of service "${service.name}" uses service "${name}", which has no "build"`,
        hint: 'name a service that is built, or an image with docker-image://',
      })
  }
}

export const dependenciesExist: ServiceRule = (service, context) => {
  const { project } = context
  for (const [name, { required }] of Object.entries(service.dependsOn)) {
    if (Object.hasOwn(project.services, name) || !required) continue
    const path = dependencyPath(service, name)
    const disabled = Object.hasOwn(project.disabledServices, name) ? project.disabledServices[name] : undefined
    if (disabled === undefined) {
      if (!context.isRemoved(['services', name])) reportUndefined(service, name, path, context)
      continue
    }
    const [profile] = disabled.profiles
    if (profile === undefined || isSelectedOut(disabled, project.profiles)) continue
    context.error(path, {
      code: 'DISABLED_DEPENDENCY',
      message: `service "${service.name}" depends on "${name}", which no active profile enables`,
      hint: `add --profile ${profile}, or mark the dependency "required: false"`,
    })
  }
}

/** Left out by the command line (--no-deps), not by its profile. */
function isSelectedOut(service: Service, profiles: readonly string[]): boolean {
  return profiles.includes('*') || service.profiles.some((profile) => profiles.includes(profile))
}

function reportUndefined(service: Service, name: string, path: readonly string[], context: RuleContext): void {
  const known = [...Object.keys(context.project.services), ...Object.keys(context.project.disabledServices)]
  const nearest = nearestName(
    name,
    known.filter((other) => other !== service.name),
  )
  context.error(path, {
    code: 'UNDEFINED_SERVICE',
    message: `service "${service.name}" depends on undefined service "${name}"`,
    hint: nearest === undefined ? `declare it under "services"` : `did you mean "${nearest}"?`,
  })
}

/** Where the service says that it depends on `name`. */
export function dependencyPath(service: Service, name: string): readonly string[] {
  const at = (...path: readonly string[]): readonly string[] => ['services', service.name, ...path]
  const namespace = namespaceReferences(service).find(([, other]) => other === name)
  const link = (service.links ?? []).findIndex((other) => other.service === name)
  const from = (service.volumesFrom ?? []).findIndex((other) => other.name === name && other.kind === 'service')
  if (link !== -1) return at('links', String(link))
  if (namespace !== undefined) return at(namespace[0])
  if (from !== -1) return at('volumes_from', String(from))
  return at('depends_on', name)
}
