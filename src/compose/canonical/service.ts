/**
 * A service: which canonical form each attribute has. One line per attribute of the Compose Specification.
 */
import { scalarNode, textOf, withEntry } from '../node.ts'
import { build } from './build.ts'
import { command } from './command.ts'
import type { Canonicalize } from './context.ts'
import { blkioConfig, deploy, develop, gpus } from './deploy.ts'
import { device, envFiles, labelFiles, serviceConfig, serviceSecret, tmpfs } from './files.ts'
import { hostPath } from './paths.ts'
import { exposedPort, ports } from './ports.ts'
import { cpuset, healthcheck, hook, logging, preStartHook, restart, ulimits } from './process.ts'
import { dependsOn, extraHosts, link, serviceModels, serviceNetworks, volumesFrom } from './references.ts'
import { boolean, bytes, bytesOrUnlimited, duration, integer, microseconds, number, text } from './scalars.ts'
import { list, mapValues, oneOrMany, strings, struct, variables } from './shapes.ts'
import { volume } from './volumes.ts'

const pullPolicy: Canonicalize = (node) => {
  const written = textOf(node) ?? ''
  return scalarNode(written === 'if_not_present' ? 'missing' : written, node)
}

/** `dns: ${DNS}` with an empty variable is no server. */
const textOrNothing: Canonicalize = (node, context) => (textOf(node) === '' ? undefined : text(node, context))

/** A service name, or { service, file }; the file's path is resolved by extends.ts. */
const extendsFrom: Canonicalize = struct({ service: text, file: text })

/** One or many words for an option of a provider. */
const providerOptions = mapValues(oneOrMany(text))

/** For each attribute what its value becomes. */
export const SERVICE_FIELDS: Readonly<Record<string, Canonicalize>> = {
  annotations: strings,
  attach: boolean,
  blkio_config: blkioConfig,
  build,
  cap_add: list(text),
  cap_drop: list(text),
  cgroup: text,
  cgroup_parent: text,
  command,
  configs: list(serviceConfig),
  container_name: text,
  cpu_count: integer,
  cpu_percent: number,
  cpu_period: microseconds,
  cpu_quota: microseconds,
  cpu_rt_period: microseconds,
  cpu_rt_runtime: microseconds,
  cpu_shares: integer,
  cpus: number,
  cpuset,
  credential_spec: struct({ config: text, file: hostPath, registry: text }),
  depends_on: dependsOn,
  deploy,
  develop,
  device_cgroup_rules: list(text),
  devices: list(device),
  dns: oneOrMany(textOrNothing),
  dns_opt: list(text),
  dns_search: oneOrMany(text),
  domainname: text,
  entrypoint: command,
  env_file: envFiles,
  environment: variables,
  expose: list(exposedPort),
  extends: extendsFrom,
  external_links: list(text),
  extra_hosts: extraHosts,
  gpus,
  group_add: list(text),
  healthcheck,
  hostname: text,
  image: text,
  init: boolean,
  ipc: text,
  isolation: text,
  label_file: labelFiles,
  labels: strings,
  links: list(link),
  logging,
  mac_address: text,
  mem_limit: bytes,
  mem_reservation: bytes,
  mem_swappiness: integer,
  memswap_limit: bytesOrUnlimited,
  models: serviceModels,
  network_mode: text,
  networks: serviceNetworks,
  oom_kill_disable: boolean,
  oom_score_adj: integer,
  pid: text,
  pids_limit: integer,
  platform: text,
  ports,
  post_start: list(hook),
  pre_start: list(preStartHook),
  pre_stop: list(hook),
  privileged: boolean,
  profiles: list(text),
  provider: struct({ type: text, options: providerOptions }),
  pull_policy: pullPolicy,
  pull_refresh_after: text,
  read_only: boolean,
  restart,
  runtime: text,
  scale: integer,
  secrets: list(serviceSecret),
  security_opt: list(text),
  shm_size: bytes,
  stdin_open: boolean,
  stop_grace_period: duration,
  stop_signal: text,
  storage_opt: strings,
  sysctls: strings,
  tmpfs,
  tty: boolean,
  ulimits,
  use_api_socket: boolean,
  user: text,
  userns_mode: text,
  uts: text,
  volumes: list(volume),
  volumes_from: list(volumesFrom),
  working_dir: text,
}

const KEEP_NULL = ['command', 'entrypoint'] as const
const fields = struct(SERVICE_FIELDS)

export const service: Canonicalize = (node, context) => {
  const canonical = fields(node, context)
  if (node.kind !== 'map' || canonical?.kind !== 'map') return canonical
  // `command: null` in an override takes the command of the base away: null is a value here.
  let kept = canonical
  for (const key of KEEP_NULL) {
    const entry = node.entries.get(key)
    if (entry !== undefined && !canonical.entries.has(key)) kept = withEntry(kept, key, entry.value)
  }
  return kept
}
