/**
 * What a valid file may say and this engine does not honour yet: one table, so that nothing is ignored in silence.
 * A line goes when the engine learns it. What depends on the machine (block weights, AppArmor) the engine itself warns
 * about when it creates the container.
 */
import type { ConfigProblem } from '../errors.ts'
import { isRecord } from './draft.ts'
import type { Project } from './model.ts'
import { isWindowsPath } from './paths.ts'
import { projectDocument } from './print.ts'
import type { LoadResult } from './request.ts'

interface Unsupported {
  /** Keys from the root; "*" is any key or item. */
  readonly path: string
  /** Which values; all when absent. `key` is the last one of the path, for a last "*". */
  readonly when?: (value: unknown, key: string) => boolean
  /** Completes "<path> ...". */
  readonly says: string
}

const NOT_YET = 'is not supported yet: ignored'
/** Going on without it would be something else than what was asked for. */
const REFUSED = 'is not supported yet: it will be refused'
const WINDOWS = 'has a meaning on Windows only: ignored'
const SWARM = 'has a meaning on Swarm only: ignored'

const isTrue = (value: unknown): boolean => value === true
const isNot =
  (...known: readonly string[]) =>
  (value: unknown): boolean =>
    !known.includes(String(value))
const isNotKey =
  (...known: readonly string[]) =>
  (_value: unknown, key: string): boolean =>
    !known.includes(key)

const isWindowsTarget = (value: unknown): boolean => isWindowsPath(String(value))

const TABLE: readonly Unsupported[] = [
  { path: 'services.*.cpu_count', says: WINDOWS },
  { path: 'services.*.cpu_percent', says: WINDOWS },
  { path: 'services.*.credential_spec', says: WINDOWS },
  { path: 'services.*.isolation', when: isNot('default'), says: WINDOWS },
  { path: 'services.*.develop', says: 'is not supported yet: there is no "watch" so far' },
  { path: 'services.*.provider', says: REFUSED },
  { path: 'services.*.models', says: NOT_YET },
  { path: 'services.*.storage_opt', says: 'will be refused: this engine sets no project quotas' },
  { path: 'services.*.use_api_socket', when: isTrue, says: NOT_YET },
  { path: 'services.*.userns_mode', when: isNot('host', ''), says: 'will be refused: only "host" is there' },
  { path: 'services.*.pull_refresh_after', says: NOT_YET },
  { path: 'services.*.build.isolation', when: isNot('default'), says: WINDOWS },
  { path: 'services.*.build.provenance', when: isNot('false'), says: 'is ignored: no attestations are made' },
  { path: 'services.*.build.sbom', when: isNot('false'), says: 'is ignored: no attestations are made' },
  {
    path: 'services.*.volumes.*.type',
    when: (value) => ['npipe', 'cluster'].includes(String(value)),
    says: REFUSED,
  },
  { path: 'services.*.volumes.*.target', when: isWindowsTarget, says: 'is a path on Windows: it will be refused' },
  {
    path: 'services.*.volumes.*.bind.selinux',
    says: 'is ignored: files are not relabelled (it matters with SELinux only)',
  },
  {
    path: 'services.*.networks.*.driver_opts.*',
    when: isNotKey('com.docker.network.endpoint.ifname', 'com.docker.network.endpoint.sysctls'),
    says: NOT_YET,
  },
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
  { path: 'networks.*.driver', when: isNot('bridge', 'macvlan', ''), says: REFUSED },
  { path: 'networks.*.ipam.driver', when: isNot('default', ''), says: REFUSED },
  { path: 'networks.*.ipam.options', says: 'is kept and shown by inspect: the IPAM driver has no options' },
  { path: 'volumes.*.driver', when: isNot('local', ''), says: REFUSED },
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
  const document = projectDocument(project, { keepDollars: true })
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
    if (rule.entry.when?.(value, path.at(-1) ?? '') ?? !isEmpty(value)) report(path, value, rule.entry.says)
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
