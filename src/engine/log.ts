/** Lines of the engine's log: time, level, message, fields as key=JSON. PURE. */
import type { LogLevel } from './context.ts'

/** Longer values (a stack is not one of them) are cut: a log line is not a place for a whole request. */
const MAX_VALUE = 8192

function formatValue(value: unknown): string {
  const text = value instanceof Error ? (value.stack ?? value.message) : value
  const json = JSON.stringify(text) ?? 'undefined'
  return json.length > MAX_VALUE ? `${json.slice(0, MAX_VALUE)}…"` : json
}

/** JSON keeps control characters of container names and the like out of the terminal that shows the log. */
export function formatLogLine(
  time: string,
  level: LogLevel,
  message: string,
  fields: Readonly<Record<string, unknown>> = {},
): string {
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${formatValue(value)}`)
  const text = message.replaceAll(/\p{Cc}/gu, ' ')
  return `${time} ${level.padEnd(5)} ${text}${rest.join('')}`
}
