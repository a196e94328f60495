/**
 * Canonical values back to the text of a Compose file: durations, sizes, modes, restart policies, links. The reverse
 * of src/compose/canonical, one line per attribute. print.ts walks the model with this table.
 */
import { formatDurationNs } from '../units.ts'
import { isRecord } from './draft.ts'

/** The value as a file says it; what it does not know stays. Its keys may still be in camelCase. */
type Format = (value: unknown) => unknown

/** How a value is written, or those of a mapping or of the mappings in a list, by their keys in a file. */
export type TextRule = Format | TextRules

export interface TextRules {
  readonly [key: string]: TextRule
}

const duration: Format = (value) => (typeof value === 'number' ? formatDurationNs(value) : value)
/** A string, as docker compose prints sizes. */
const size: Format = (value) => (typeof value === 'number' ? String(value) : value)
const mode: Format = (value) => (typeof value === 'number' ? `0${value.toString(8).padStart(3, '0')}` : value)

const hosts: Format = (value) => many(value, ({ host, ip }) => `${String(host)}=${String(ip)}`)

function many(value: unknown, format: (item: Readonly<Record<string, unknown>>) => unknown): unknown {
  return Array.isArray(value) ? value.map((item) => (isRecord(item) ? format(item) : item)) : value
}

const restart: Format = (value) => {
  if (!isRecord(value)) return value
  const retries = value['maxRetries']
  return typeof retries === 'number' ? `${String(value['name'])}:${retries}` : value['name']
}

const volumesFrom: Format = (value) =>
  many(value, ({ kind, name, readOnly }) => {
    const source = kind === 'container' ? `container:${String(name)}` : String(name)
    return readOnly === true ? `${source}:ro` : source
  })

const links: Format = (value) =>
  many(value, ({ service, alias }) => (service === alias ? service : `${String(service)}:${String(alias)}`))

function eachValue(value: unknown, format: (item: Readonly<Record<string, unknown>>) => unknown): unknown {
  if (!isRecord(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, isRecord(item) ? format(item) : item]))
}

/** One number where both limits are the same. */
const ulimits: Format = (value) =>
  eachValue(value, (limit) =>
    limit['soft'] === limit['hard'] && Object.keys(limit).length === 2 ? limit['soft'] : limit,
  )

/** What is not said, so that no file has to say it. */
const dependencies: Format = (value) =>
  eachValue(value, (dependency) => {
    if (dependency['restart'] !== false) return dependency
    const { restart: _restart, ...others } = dependency
    return others
  })

/** "id" or "id=path". */
const ssh: Format = (value) =>
  isRecord(value) ? Object.entries(value).map(([id, path]) => (path === '' ? id : `${id}=${String(path)}`)) : value

const updates: TextRules = { delay: duration, monitor: duration }
const rates: TextRules = { rate: size }
const files: TextRules = { mode }

export const SERVICE_TEXT: TextRules = {
  restart,
  links,
  volumes_from: volumesFrom,
  extra_hosts: hosts,
  stop_grace_period: duration,
  mem_limit: size,
  mem_reservation: size,
  memswap_limit: size,
  shm_size: size,
  secrets: files,
  configs: files,
  depends_on: dependencies,
  ulimits,
  mem_swappiness: size,
  volumes: { tmpfs: { size } },
  healthcheck: { interval: duration, timeout: duration, start_period: duration, start_interval: duration },
  build: { extra_hosts: hosts, shm_size: size, secrets: files, ssh, ulimits },
  deploy: {
    resources: { limits: { memory: size }, reservations: { memory: size } },
    restart_policy: { delay: duration, window: duration },
    update_config: updates,
    rollback_config: updates,
  },
  blkio_config: {
    device_read_bps: rates,
    device_write_bps: rates,
    device_read_iops: rates,
    device_write_iops: rates,
  },
}
