/**
 * PURE: LogConfig of a create request, checked and made typed. Whatever the driver, the lines are kept in a store of our
 * own (conmon's file, store.ts); journald and syslog get a copy, so `logs` works with every driver but none.
 * Source: Docker docs, "Configure logging drivers" and the page of each driver (options and defaults).
 */
import { InvalidRequestError } from '../../../errors.ts'
import type { HostConfig } from '../../../api/types/index.ts'
import { parseBytes } from '../../../units.ts'
import { DEFAULT_LOG_DRIVER, LOG_DRIVERS, type LogDriver } from '../../services/index.ts'
import { parseSyslogOptions, type SyslogOptions } from './syslog-config.ts'

/** How much is kept. */
export interface LogRetention {
  /** A file is closed when it has grown to this; undefined: never. */
  readonly maxBytes: number | undefined
  /** This many files, the one that is written among them. */
  readonly maxFiles: number
  /** Closed files are gzipped. */
  readonly compress: boolean
}

export type LogTarget =
  | { readonly kind: 'none' }
  | { readonly kind: 'store' }
  | { readonly kind: 'journald' }
  | { readonly kind: 'syslog'; readonly syslog: SyslogOptions }

export interface LogPolicy {
  readonly target: LogTarget
  readonly retention: LogRetention
}

const UNLIMITED: LogRetention = { maxBytes: undefined, maxFiles: 1, compress: false }
/** What docker gives the driver "local", and what it keeps beside journald and syslog for `docker logs`. */
const BOUNDED: LogRetention = { maxBytes: 20 * 1024 * 1024, maxFiles: 5, compress: true }

const ATTRIBUTES = ['labels', 'labels-regex', 'env', 'env-regex', 'tag']
const DELIVERY = ['mode', 'max-buffer-size']
const RETENTION = ['max-size', 'max-file', 'compress']
const CACHE = ['cache-disabled', 'cache-max-size', 'cache-max-file', 'cache-compress']
const SYSLOG = [
  'syslog-address',
  'syslog-facility',
  'syslog-format',
  'syslog-tls-ca-cert',
  'syslog-tls-cert',
  'syslog-tls-key',
  'syslog-tls-skip-verify',
]

/** Driver -> its options. */
const OPTIONS: Readonly<Record<LogDriver, readonly string[]>> = {
  'json-file': [...RETENTION, ...ATTRIBUTES, ...DELIVERY],
  local: [...RETENTION, ...ATTRIBUTES, ...DELIVERY],
  none: DELIVERY,
  journald: [...ATTRIBUTES, ...DELIVERY, ...CACHE],
  syslog: [...SYSLOG, ...ATTRIBUTES, ...DELIVERY, ...CACHE],
}

type Options = Readonly<Record<string, string>>

function invalid(message: string, hint?: string): InvalidRequestError {
  return new InvalidRequestError(message, { code: 'INVALID_LOG_CONFIG', ...(hint === undefined ? {} : { hint }) })
}

function flag(options: Options, name: string, byDefault: boolean): boolean {
  const value = options[name]
  if (value === undefined || value === '') return byDefault
  if (/^(1|t|true)$/i.test(value)) return true
  if (/^(0|f|false)$/i.test(value)) return false
  throw invalid(`invalid value for log option "${name}": ${JSON.stringify(value)} is neither true nor false`)
}

function parseRetention(options: Options, prefix: '' | 'cache-', defaults: LogRetention): LogRetention {
  const size = options[`${prefix}max-size`]
  const files = options[`${prefix}max-file`]
  const sizeBytes = size === undefined || size === '-1' ? undefined : parseBytes(size)
  if (size !== undefined && size !== '-1' && (sizeBytes === undefined || sizeBytes < 1))
    throw invalid(`invalid value for log option "${prefix}max-size": ${JSON.stringify(size)}`, 'examples: 10m, 500k')
  if (files !== undefined && (!/^\d{1,6}$/.test(files) || Number(files) < 1))
    throw invalid(
      `invalid value for log option "${prefix}max-file": ${JSON.stringify(files)} is no whole number from 1 on`,
    )
  const maxBytes = size === undefined ? defaults.maxBytes : sizeBytes
  const maxFiles = files === undefined ? defaults.maxFiles : Number(files)
  if (files !== undefined && maxFiles > 1 && maxBytes === undefined)
    throw invalid(`log option "${prefix}max-file" has no effect without "${prefix}max-size"`, 'add max-size: "10m"')
  const isPossible = maxBytes !== undefined && maxFiles > 1
  const compress = flag(options, `${prefix}compress`, defaults.compress && isPossible)
  if (compress && !isPossible)
    throw invalid(`log option "${prefix}compress" needs "${prefix}max-size" and a "${prefix}max-file" of 2 or more`)
  return { maxBytes, maxFiles, compress }
}

function checkRegex(options: Options, name: 'labels-regex' | 'env-regex'): void {
  try {
    if (options[name] !== undefined) void new RegExp(options[name])
  } catch (cause) {
    throw invalid(`invalid value for log option "${name}": ${(cause as Error).message}`)
  }
}

function checkDelivery(options: Options): void {
  const mode = options['mode'] ?? 'blocking'
  if (mode !== 'blocking' && mode !== 'non-blocking')
    throw invalid(`invalid value for log option "mode": ${JSON.stringify(mode)}`, 'known: blocking, non-blocking')
  const buffer = options['max-buffer-size']
  if (buffer !== undefined && mode !== 'non-blocking')
    throw invalid('log option "max-buffer-size" is only supported with "mode=non-blocking"')
  if (buffer !== undefined && parseBytes(buffer) === undefined)
    throw invalid(`invalid value for log option "max-buffer-size": ${JSON.stringify(buffer)}`)
}

function checkedDriver(name: string): LogDriver {
  const driver = LOG_DRIVERS.find((known) => known === name)
  if (driver !== undefined) return driver
  throw invalid(`logging driver ${JSON.stringify(name)} is not supported`, `known: ${LOG_DRIVERS.join(', ')}`)
}

function checkNames(driver: LogDriver, options: Options): void {
  const known = OPTIONS[driver]
  for (const name of Object.keys(options))
    if (!known.includes(name))
      throw invalid(
        `unknown log option ${JSON.stringify(name)} for logging driver "${driver}"`,
        `known: ${known.join(', ')}`,
      )
}

/** Docker's name of the driver; k8s-file is what podman calls such a store. */
export function logDriver(type: string | undefined): string {
  return type === undefined || type === '' || type === 'k8s-file' ? DEFAULT_LOG_DRIVER : type
}

/** Throws InvalidRequestError INVALID_LOG_CONFIG, which names the driver or the option. */
export function parseLogConfig(log: HostConfig['LogConfig']): LogPolicy {
  const driver = checkedDriver(logDriver(log?.Type))
  const options = log?.Config ?? {}
  checkNames(driver, options)
  checkDelivery(options)
  checkRegex(options, 'labels-regex')
  checkRegex(options, 'env-regex')
  switch (driver) {
    case 'none':
      return { target: { kind: 'none' }, retention: UNLIMITED }
    case 'local':
      return { target: { kind: 'store' }, retention: parseRetention(options, '', BOUNDED) }
    case 'journald':
      return { target: { kind: 'journald' }, retention: parseCache(options) }
    case 'syslog':
      return { target: { kind: 'syslog', syslog: parseSyslogOptions(options) }, retention: parseCache(options) }
    case 'json-file':
      return { target: { kind: 'store' }, retention: parseRetention(options, '', UNLIMITED) }
    default:
      return driver satisfies never
  }
}

/** The store is what the copy is made from, so it is there even when nobody may read it. */
function parseCache(options: Options): LogRetention {
  flag(options, 'cache-disabled', false)
  return parseRetention(options, 'cache-', BOUNDED)
}

/** False: `logs` refuses, as with docker. */
export function isReadable(log: HostConfig['LogConfig']): boolean {
  return logDriver(log?.Type) !== 'none' && !/^(1|t|true)$/i.test(log?.Config?.['cache-disabled'] ?? '')
}
