/**
 * Rules over several attributes of one service. Source: Compose Specification; what docker compose refuses.
 */
import type { ProblemText } from '../source-file.ts'
import type { RuleContext, ServiceRule } from './context.ts'
import type { Service } from '../model.ts'

function fail({ name }: Service, context: RuleContext, path: readonly string[], text: ProblemText): void {
  context.error(['services', name, ...path], text)
}

const hasSource: ServiceRule = (service, context) => {
  if (service.image !== undefined || service.build !== undefined || service.provider !== undefined) return
  // It may be the misspelt key that was reported already.
  if (context.isIncomplete(['services', service.name])) return
  const message = `service "${service.name}" has neither "image" nor "build"`
  fail(service, context, [], { code: 'NO_IMAGE', message, hint: 'add "image: NAME", or "build: FOLDER"' })
}

const oneNetworkSetting: ServiceRule = (service, context) => {
  if (service.networkMode === undefined || Object.keys(service.networks).length === 0) return
  const message = `service "${service.name}" has both "network_mode" and "networks"`
  fail(service, context, ['network_mode'], { code: 'NETWORK_MODE', message, hint: 'remove one of the two' })
}

const NETWORK_MODES = /^(none|host|bridge|(service|container):.+)$/

const knownNetworkMode: ServiceRule = (service, context) => {
  const { networkMode, ports } = service
  if (networkMode === undefined) return
  if (!NETWORK_MODES.test(networkMode)) {
    const message = `unknown network_mode ${JSON.stringify(networkMode)}`
    const hint = 'none, host, bridge, service:NAME or container:NAME; a network of your own goes into "networks"'
    fail(service, context, ['network_mode'], { code: 'NETWORK_MODE', message, hint })
  }
  if (ports.length > 0 && networkMode !== 'bridge') {
    const message = `"ports" has no effect with network_mode "${networkMode}"`
    context.warn(['services', service.name, 'ports'], {
      code: 'NO_EFFECT',
      message,
      hint: 'the container has no network of its own: remove it',
    })
  }
}

const knownNamespaces: ServiceRule = (service, context) => {
  const rules: readonly (readonly [string, string | undefined, RegExp, string])[] = [
    [
      'ipc',
      service.ipc,
      /^(shareable|private|none|host|(service|container):.+)$/,
      'shareable, private, host, service:NAME',
    ],
    ['pid', service.pid, /^(host|(service|container):.+)$/, 'host, service:NAME or container:NAME'],
    ['uts', service.uts, /^host$/, 'host'],
  ]
  for (const [key, value, pattern, hint] of rules) {
    if (value === undefined || value === '' || pattern.test(value)) continue
    const message = `unknown ${key} mode ${JSON.stringify(value)}`
    fail(service, context, [key], { code: 'NAMESPACE_MODE', message, hint })
  }
}

/** The old and the new name of a setting may both be there if they agree. */
const deployAgrees: ServiceRule = (service, context) => {
  const limits = service.deploy?.resources?.limits
  const pairs: readonly (readonly [string, number | undefined, string, number | undefined])[] = [
    ['scale', service.scale, 'deploy.replicas', service.deploy?.replicas],
    ['cpus', service.cpus, 'deploy.resources.limits.cpus', limits?.cpus],
    ['mem_limit', service.memLimit, 'deploy.resources.limits.memory', limits?.memory],
    ['pids_limit', service.pidsLimit, 'deploy.resources.limits.pids', limits?.pids],
    [
      'mem_reservation',
      service.memReservation,
      'deploy.resources.reservations.memory',
      service.deploy?.resources?.reservations?.memory,
    ],
  ]
  for (const [key, value, other, otherValue] of pairs) {
    if (value === undefined || otherValue === undefined || value === otherValue) continue
    const message = `"${key}" (${value}) and "${other}" (${otherValue}) of service "${service.name}" differ`
    fail(service, context, [key], { code: 'CONFLICTING_VALUES', message, hint: 'keep one of the two' })
  }
}

const scaleFits: ServiceRule = (service, context) => {
  const path = service.scale === undefined ? ['deploy', 'replicas'] : ['scale']
  const count = service.scale ?? service.deploy?.replicas ?? 1
  if (count < 0)
    fail(service, context, path, { code: 'INVALID_VALUE', message: `${count} replicas: a service has 0 or more` })
  if (count <= 1 || service.containerName === undefined) return
  const message = `service "${service.name}" has a container_name, so it can have one container only, not ${count}`
  fail(service, context, ['container_name'], { code: 'CONTAINER_NAME', message, hint: 'remove container_name' })
}

const mountsOnce: ServiceRule = (service, context) => {
  const seen = new Map<string, string>()
  const check = (target: string, path: readonly string[], what: string): void => {
    const first = seen.get(target)
    if (first === undefined) {
      seen.set(target, what)
      return
    }
    const message = `"${target}" of service "${service.name}" is mounted twice: by ${first} and by ${what}`
    fail(service, context, path, { code: 'DUPLICATE_MOUNT', message, hint: 'remove one of the two' })
  }
  for (const [index, { target }] of service.volumes.entries()) check(target, ['volumes', String(index)], 'volumes')
  for (const [index, entry] of (service.tmpfs ?? []).entries()) {
    check(entry.split(':')[0]?.replace(/(.)\/$/, '$1') ?? '', ['tmpfs', String(index)], 'tmpfs')
  }
  for (const [index, { target }] of service.configs.entries()) check(target, ['configs', String(index)], 'configs')
  for (const [index, { target }] of service.secrets.entries()) check(target, ['secrets', String(index)], 'secrets')
}

const healthcheckFits: ServiceRule = (service, context) => {
  const check = service.healthcheck
  if (check?.startInterval === undefined || check.startPeriod !== undefined) return
  const message = 'start_interval has no meaning without start_period'
  fail(service, context, ['healthcheck', 'start_interval'], { code: 'HEALTHCHECK', message, hint: 'add start_period' })
}

const buildFits: ServiceRule = (service, context) => {
  const { build, platform } = service
  if (build === undefined) return
  if (build.dockerfile !== undefined && build.dockerfileInline !== undefined) {
    const message = `service "${service.name}" has both "dockerfile" and "dockerfile_inline"`
    fail(service, context, ['build', 'dockerfile_inline'], { code: 'BUILD', message, hint: 'remove one of the two' })
  }
  if (platform !== undefined && build.platforms !== undefined && !build.platforms.includes(platform)) {
    const message = `build.platforms of service "${service.name}" lacks its platform "${platform}"`
    fail(service, context, ['build', 'platforms'], { code: 'BUILD', message, hint: 'add it there' })
  }
}

const limitsFit: ServiceRule = (service, context) => {
  const ranges: readonly (readonly [string, number | undefined, number, number])[] = [
    ['oom_score_adj', service.oomScoreAdj, -1000, 1000],
    ['mem_swappiness', service.memSwappiness, -1, 100],
    ['cpus', service.cpus, 0, Number.MAX_SAFE_INTEGER],
    ['pids_limit', service.pidsLimit, -1, Number.MAX_SAFE_INTEGER],
  ]
  for (const [key, value, least, most] of ranges) {
    if (value === undefined || (value >= least && value <= most)) continue
    const message = `${key} ${value} of service "${service.name}" is not between ${least} and ${most}`
    fail(service, context, [key], { code: 'INVALID_VALUE', message })
  }
  const { memLimit, memswapLimit } = service
  if (memLimit === undefined || memswapLimit === undefined || memswapLimit <= 0 || memswapLimit >= memLimit) return
  const message = `memswap_limit of service "${service.name}" is below its mem_limit`
  fail(service, context, ['memswap_limit'], {
    code: 'INVALID_VALUE',
    message,
    hint: 'it counts memory and swap together',
  })
}

const devicesFit: ServiceRule = (service, context) => {
  const requests = [
    ...(service.gpus ?? []).map((request, index) => [request, ['gpus', String(index)]] as const),
    ...(service.deploy?.resources?.reservations?.devices ?? []).map(
      (request, index) => [request, ['deploy', 'resources', 'reservations', 'devices', String(index)]] as const,
    ),
  ]
  for (const [request, path] of requests) {
    if (request.count === undefined || request.deviceIds === undefined) continue
    const message = '"count" and "device_ids" exclude each other'
    fail(service, context, path, { code: 'DEVICE_REQUEST', message, hint: 'keep one of the two' })
  }
}

const watchFits: ServiceRule = (service, context) => {
  for (const [index, { action, target }] of (service.develop?.watch ?? []).entries()) {
    if (action === 'rebuild' || action === 'restart' || target !== undefined) continue
    const message = `watch action "${action}" of service "${service.name}" needs a target`
    fail(service, context, ['develop', 'watch', String(index)], {
      code: 'WATCH',
      message,
      hint: 'add "target: /path/in/the/container"',
    })
  }
}

export const SERVICE_RULES: readonly ServiceRule[] = [
  hasSource,
  oneNetworkSetting,
  knownNetworkMode,
  knownNamespaces,
  deployAgrees,
  scaleFits,
  mountsOnce,
  healthcheckFits,
  buildFits,
  limitsFit,
  devicesFit,
  watchFits,
]
