/**
 * PURE: the options of the logging driver syslog: address, facility, format, TLS.
 * Source: Docker docs, "Syslog logging driver"; RFC 5424 section 6.2.1 (facilities).
 */
import { InvalidRequestError } from '../../../errors.ts'

export type SyslogAddress =
  /** None given: the machine's own (/dev/log). */
  | { readonly kind: 'local' }
  | { readonly kind: 'unix' | 'unixgram'; readonly path: string }
  | { readonly kind: 'udp' | 'tcp' | 'tcp+tls'; readonly host: string; readonly port: number }

export type SyslogFormat = 'local' | 'rfc3164' | 'rfc5424' | 'rfc5424micro'

export interface SyslogTls {
  readonly caFile: string | undefined
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
  readonly skipVerify: boolean
}

export interface SyslogOptions {
  readonly address: SyslogAddress
  /** 0 to 23. */
  readonly facility: number
  readonly format: SyslogFormat
  readonly tls: SyslogTls
}

const DEFAULT_PORT = 514
const DEFAULT_TLS_PORT = 6514
/** By number; 12 to 15 have no name that docker takes. */
const FACILITIES =
  'kern user mail daemon auth syslog lpr news uucp cron authpriv ftp - - - - local0 local1 local2 local3 local4 local5 local6 local7'.split(
    ' ',
  )
const DAEMON = 3
const FORMATS: readonly SyslogFormat[] = ['rfc3164', 'rfc5424', 'rfc5424micro']

function invalid(option: string, value: string, hint: string): InvalidRequestError {
  return new InvalidRequestError(`invalid value for log option "${option}": ${JSON.stringify(value)}`, {
    code: 'INVALID_LOG_CONFIG',
    hint,
  })
}

/** @example parseSyslogAddress("udp://192.168.0.42:123"); "tcp://[::1]"; "unixgram:///dev/log" */
export function parseSyslogAddress(text: string): SyslogAddress {
  const hint = 'examples: udp://192.0.2.1:514, tcp://logs.example:601, tcp+tls://logs.example:6514, unix:///dev/log'
  const local = /^(unix|unixgram):\/\/(\/.+)$/.exec(text)
  if (local !== null) return { kind: local[1] as 'unix' | 'unixgram', path: local[2] ?? '' }
  const remote = /^(udp|tcp|tcp\+tls):\/\/(?:\[([0-9a-f:.%]+)\]|([^/[\]:]+))(?::(\d{1,5}))?\/?$/i.exec(text)
  if (remote === null) throw invalid('syslog-address', text, hint)
  const kind = (remote[1] ?? '').toLowerCase() as 'udp' | 'tcp' | 'tcp+tls'
  const port = Number(remote[4] ?? (kind === 'tcp+tls' ? DEFAULT_TLS_PORT : DEFAULT_PORT))
  if (port < 1 || port > 65535) throw invalid('syslog-address', text, hint)
  return { kind, host: remote[2] ?? remote[3] ?? '', port }
}

/** A name or its number. */
function parseFacility(text: string): number {
  const byName = text === '-' ? -1 : FACILITIES.indexOf(text)
  if (byName >= 0) return byName
  if (/^\d{1,2}$/.test(text) && Number(text) < FACILITIES.length) return Number(text)
  throw invalid('syslog-facility', text, `known: ${FACILITIES.filter((name) => name !== '-').join(', ')}`)
}

function parseFormat(text: string | undefined): SyslogFormat {
  if (text === undefined || text === '') return 'local'
  const format = FORMATS.find((known) => known === text)
  if (format === undefined) throw invalid('syslog-format', text, `known: ${FORMATS.join(', ')}`)
  return format
}

/** Throws InvalidRequestError INVALID_LOG_CONFIG. */
export function parseSyslogOptions(options: Readonly<Record<string, string>>): SyslogOptions {
  const address = options['syslog-address'] ?? ''
  const facility = options['syslog-facility']
  return {
    address: address === '' ? { kind: 'local' } : parseSyslogAddress(address),
    facility: facility === undefined ? DAEMON : parseFacility(facility),
    format: parseFormat(options['syslog-format']),
    tls: {
      caFile: options['syslog-tls-ca-cert'],
      certFile: options['syslog-tls-cert'],
      keyFile: options['syslog-tls-key'],
      // as docker: given at all means yes
      skipVerify: options['syslog-tls-skip-verify'] !== undefined,
    },
  }
}
