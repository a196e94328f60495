/**
 * What a valid file may say and this engine does not honour yet: one table, so that nothing is ignored in silence.
 * A line goes when the engine learns it.
 */
import type { ConfigProblem } from '../errors.ts'
import { serviceText } from './canonical-text.ts'
import { isRecord, toSnake } from './draft.ts'
import type { Project } from './model.ts'
import type { LoadResult } from './request.ts'

interface Unsupported {
  /** Keys from the root; "*" is any key or item. */
  readonly path: string
  /** Which values; all when absent. */
  readonly when?: (value: unknown) => boolean
  /** Completes "<path> ...". */
  readonly says: string
}

const NOT_YET = 'is not supported yet: ignored'
const WINDOWS = 'has a meaning on Windows only: ignored'
const SWARM = 'has a meaning on Swarm only: ignored'

const isTrue = (value: unknown): boolean => value === true
const isNot =
  (...known: readonly string[]) =>
  (value: unknown): boolean =>
    !known.includes(String(value))

const TABLE: readonly Unsupported[] = [
  { path: 'services.*.blkio_config', says: NOT_YET },
  { path: 'services.*.cpu_count', says: WINDOWS },
  { path: 'services.*.cpu_percent', says: WINDOWS },
  { path: 'services.*.credential_spec', says: WINDOWS },
  { path: 'services.*.isolation', when: isNot('default'), says: WINDOWS },
  { path: 'services.*.gpus', says: NOT_YET },
  { path: 'services.*.develop', says: 'is not supported yet: there is no "watch" so far' },
  { path: 'services.*.provider', says: NOT_YET },
  { path: 'services.*.models', says: NOT_YET },
  { path: 'services.*.post_start', says: NOT_YET },
  { path: 'services.*.pre_start', says: NOT_YET },
  { path: 'services.*.pre_stop', says: NOT_YET },
  { path: 'services.*.external_links', says: NOT_YET },
  { path: 'services.*.oom_kill_disable', when: isTrue, says: NOT_YET },
  { path: 'services.*.storage_opt', says: NOT_YET },
  { path: 'services.*.use_api_socket', when: isTrue, says: NOT_YET },
  { path: 'services.*.userns_mode', when: isNot('host', ''), says: NOT_YET },
  { path: 'services.*.pull_refresh_after', says: NOT_YET },
  { path: 'services.*.pull_policy', when: isNot('never', 'missing'), says: 'is not supported yet: read as "missing"' },
  {
    path: 'services.*.security_opt.*',
    when: isNot(
      'no-new-privileges',
      'no-new-privileges:true',
      'no-new-privileges:false',
      'seccomp=unconfined',
      'seccomp:unconfined',
    ),
    says: 'is a security option that is not supported yet: ignored',
  },
  {
    path: 'services.*.logging.driver',
    when: isNot('json-file', 'local', ''),
    says: 'is not supported yet: read as "json-file"',
  },
  {
    path: 'services.*.volumes.*.type',
    when: (value) => ['image', 'npipe', 'cluster'].includes(String(value)),
    says: 'is not supported yet',
  },
  { path: 'services.*.networks.*.link_local_ips', says: NOT_YET },
  { path: 'services.*.networks.*.interface_name', says: NOT_YET },
  { path: 'services.*.networks.*.driver_opts', says: NOT_YET },
  { path: 'services.*.deploy.mode', when: isNot('replicated'), says: SWARM },
  { path: 'services.*.deploy.endpoint_mode', says: SWARM },
  { path: 'services.*.deploy.labels', says: SWARM },
  { path: 'services.*.deploy.placement', says: SWARM },
  { path: 'services.*.deploy.update_config', says: SWARM },
  { path: 'services.*.deploy.rollback_config', says: SWARM },
  { path: 'services.*.deploy.restart_policy.delay', says: SWARM },
  { path: 'services.*.deploy.restart_policy.window', says: SWARM },
  { path: 'services.*.deploy.resources.reservations.cpus', says: SWARM },
  { path: 'services.*.deploy.resources.reservations.generic_resources', says: SWARM },
  { path: 'services.*.deploy.resources.reservations.devices', says: NOT_YET },
  {
    path: 'networks.*.driver',
    when: isNot('bridge', 'default', '', 'null'),
    says: 'is not supported yet: read as "bridge"',
  },
  { path: 'volumes.*.driver', when: isNot('local', '', 'default'), says: 'is not supported yet: read as "local"' },
  { path: 'secrets.*.driver', says: NOT_YET },
  { path: 'secrets.*.template_driver', says: NOT_YET },
  { path: 'configs.*.template_driver', says: NOT_YET },
  { path: 'models', says: NOT_YET },
]

interface Rule {
  readonly steps: readonly string[]
  readonly entry: Unsupported
}

const RULES: readonly Rule[] = TABLE.map((entry) => ({ steps: entry.path.split('.'), entry }))

/** One warning for each attribute of the enabled services and their resources; with `problemAt` also its place. */
export function unsupportedAttributes(project: Project, problemAt?: LoadResult['problemAt']): ConfigProblem[] {
  const { networks, volumes, secrets, configs, models } = project
  const services = Object.fromEntries(
    Object.entries(project.services).map(([name, service]) => [name, serviceText(service)]),
  )
  const document = { ...(toSnake({ networks, volumes, secrets, configs, models }) as object), services }
  const found: ConfigProblem[] = []
  const report = (path: readonly string[], value: unknown, says: string): void => {
    const shown = typeof value === 'string' ? ` (${JSON.stringify(value)})` : ''
    const problem = { code: 'UNSUPPORTED', message: `${path.join('.')}${shown} ${says}` }
    found.push(problemAt?.(path, problem) ?? { ...problem, path })
  }
  for (const rule of RULES) visit(document, rule, [], report)
  return found
}

function visit(
  value: unknown,
  rule: Rule,
  path: readonly string[],
  report: (path: readonly string[], value: unknown, says: string) => void,
): void {
  if (value === undefined || value === null) return
  const step = rule.steps[path.length]
  if (step === undefined) {
    if (rule.entry.when?.(value) ?? !isEmpty(value)) report(path, value, rule.entry.says)
  } else if (isRecord(value)) {
    for (const key of step === '*' ? Object.keys(value) : [step]) {
      if (Object.hasOwn(value, key)) visit(value[key], rule, [...path, key], report)
    }
  } else if (Array.isArray(value) && step === '*') {
    for (const [index, item] of value.entries()) visit(item, rule, [...path, String(index)], report)
  }
}

function isEmpty(value: unknown): boolean {
  return isRecord(value) && Object.keys(value).length === 0
}
