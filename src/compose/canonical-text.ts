/**
 * Canonical values back to the text of a Compose file: durations, sizes, modes, restart policies, links. The reverse
 * of src/compose/canonical, by path pattern.
 */
import { formatDurationNs } from '../units.ts'
import { isRecord, toSnake } from './draft.ts'

type Plain = Readonly<Record<string, unknown>>
type Format = (value: unknown) => unknown

const duration: Format = (value) => (typeof value === 'number' ? formatDurationNs(value) : value)
/** A string, as docker compose prints sizes. */
const size: Format = (value) => String(value)
const mode: Format = (value) => (typeof value === 'number' ? `0${value.toString(8).padStart(3, '0')}` : value)

const hosts: Format = (value) => many(value, ({ host, ip }) => `${String(host)}=${String(ip)}`)

function many(value: unknown, format: (item: Plain) => unknown): unknown {
  return Array.isArray(value) ? value.map((item) => (isRecord(item) ? format(item) : item)) : value
}

function within(formats: Readonly<Record<string, Format>>): Format {
  return (value) => (isRecord(value) ? formatFields(value, formats) : value)
}

function each(formats: Readonly<Record<string, Format>>): Format {
  return (value) => many(value, (item) => formatFields(item, formats))
}

function formatFields(record: Plain, formats: Readonly<Record<string, Format>>): Plain {
  const result: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(record)) {
    const format = Object.hasOwn(formats, key) ? formats[key] : undefined
    result[key] = format === undefined ? value : format(value)
  }
  return result
}

const restart: Format = (value) => {
  if (!isRecord(value)) return value
  const retries = value['max_retries']
  return typeof retries === 'number' ? `${String(value['name'])}:${retries}` : value['name']
}

const volumesFrom: Format = (value) =>
  many(value, ({ kind, name, read_only: readOnly }) => {
    const source = kind === 'container' ? `container:${String(name)}` : String(name)
    return readOnly === true ? `${source}:ro` : source
  })

const links: Format = (value) =>
  many(value, ({ service, alias }) => (service === alias ? service : `${String(service)}:${String(alias)}`))

/** One number where both limits are the same. */
const ulimits: Format = (value) => {
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, limit]) => [
      name,
      isRecord(limit) && limit['soft'] === limit['hard'] && Object.keys(limit).length === 2 ? limit['soft'] : limit,
    ]),
  )
}

/** What is not said, so that no file has to say it. */
const dependencies: Format = (value) => {
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, dependency]) => {
      if (!isRecord(dependency) || dependency['restart'] !== false) return [name, dependency]
      const { restart: _restart, ...others } = dependency
      return [name, others]
    }),
  )
}

/** "id" or "id=path". */
const ssh: Format = (value) =>
  isRecord(value) ? Object.entries(value).map(([id, path]) => (path === '' ? id : `${id}=${String(path)}`)) : value

const updates = within({ delay: duration, monitor: duration })
const rates = each({ rate: size })
const files = each({ mode })

const SERVICE_FORMATS: Readonly<Record<string, Format>> = {
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
  volumes: each({ tmpfs: within({ size }) }),
  healthcheck: within({ interval: duration, timeout: duration, start_period: duration, start_interval: duration }),
  build: within({ extra_hosts: hosts, shm_size: size, secrets: files, ssh, ulimits }),
  deploy: within({
    resources: within({
      limits: within({ memory: size }),
      reservations: within({ memory: size }),
    }),
    restart_policy: within({ delay: duration, window: duration }),
    update_config: updates,
    rollback_config: updates,
  }),
  blkio_config: within({
    device_read_bps: rates,
    device_write_bps: rates,
    device_read_iops: rates,
    device_write_iops: rates,
  }),
}

/** A service, or a part of one, in snake_case and in the syntax of a file. */
export function serviceText(service: object): Plain {
  const snake = toSnake(service)
  return isRecord(snake) ? formatFields(snake, SERVICE_FORMATS) : {}
}
