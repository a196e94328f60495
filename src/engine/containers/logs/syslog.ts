/**
 * PURE: entries as syslog messages, in the forms that docker's driver has. Source: RFC 3164, RFC 5424, RFC 5425 (octet
 * counting over TLS); Docker docs, "Syslog logging driver" (syslog-format).
 */
import type { ContainerDocument } from '../../../state/containers.ts'
import { logTag } from './attributes.ts'
import type { LogEntry } from './entries.ts'
import type { SyslogOptions } from './syslog-config.ts'

const INFO = 6
const ERROR = 3
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const LINE_END = Buffer.from('\n')

/** "Nov  1 09:05:07" in local time, as RFC 3164 has it. */
export function bsdTime(time: string): string {
  const date = new Date(Date.parse(time))
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0'))
  return `${MONTHS[date.getMonth()]} ${String(date.getDate()).padStart(2)} ${clock.join(':')}`
}

/** RFC 5424 knows printable ASCII without blanks in its header, and 48 bytes of a tag. */
function headerText(text: string, maxBytes: number): string {
  const bare = text.replaceAll(/[^\u0021-\u007E]/g, '_').slice(0, maxBytes)
  return bare === '' ? '-' : bare
}

/** Tags and texts come from users and containers: a line feed would begin a message of its own. */
function oneLine(text: Buffer): Buffer {
  return text.includes(0x0a) ? Buffer.from(text.map((byte) => (byte === 0x0a ? 0x20 : byte))) : text
}

export interface SyslogIdentity {
  readonly hostname: string
  readonly pid: number
}

/** With the end of line, or the length before it, that the transport needs. */
export function createSyslogFormat(
  document: ContainerDocument,
  { facility, format, address }: SyslogOptions,
  { hostname, pid }: SyslogIdentity,
): (entry: LogEntry) => Buffer {
  const tag = logTag(document).replaceAll(/\p{Cc}/gu, '_')
  const isCounted = address.kind === 'tcp+tls' && (format === 'rfc5424' || format === 'rfc5424micro')

  function header({ time, stream }: LogEntry): string {
    const priority = `<${facility * 8 + (stream === 'stdout' ? INFO : ERROR)}>`
    switch (format) {
      case 'local':
        return `${priority}${bsdTime(time)} ${tag}[${pid}]: `
      case 'rfc3164':
        return `${priority}${bsdTime(time)} ${hostname} ${tag}[${pid}]: `
      case 'rfc5424':
      case 'rfc5424micro': {
        const stamp = format === 'rfc5424' ? `${time.slice(0, 19)}Z` : `${time.slice(0, 26)}Z`
        return `${priority}1 ${stamp} ${headerText(hostname, 255)} ${headerText(tag, 48)} ${pid} ${headerText(tag, 32)} - `
      }
      default:
        return format satisfies never
    }
  }

  return (entry) => {
    const message = Buffer.concat([Buffer.from(header(entry)), oneLine(entry.text), LINE_END])
    return isCounted ? Buffer.concat([Buffer.from(`${message.length} `), message]) : message
  }
}
