/**
 * Durations and byte sizes in the syntax of Compose and Go: "1h2m3.5s", "1.5gb". Imports nothing.
 */

const DURATION_UNITS_NS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 6e10,
  h: 3.6e12,
}

/**
 * Nanoseconds of a Go duration, or undefined when the text is none.
 * @example parseDurationNs("1m30s") === 90e9; parseDurationNs("0") === 0; parseDurationNs("5") === undefined
 */
export function parseDurationNs(text: string): number | undefined {
  if (text === '0') return 0
  const simple = /^(\d{1,9})(ms|s|m|h)$/.exec(text)
  if (simple !== null) return Number(simple[1]) * (DURATION_UNITS_NS[simple[2] ?? ''] ?? Number.NaN)
  const sign = text.startsWith('-') ? -1 : 1
  const body = text.replace(/^[+-]/, '')
  const parts = [...body.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/gy)]
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== body) return undefined
  let total = 0
  for (const [, amount, unit] of parts) total += Number(amount) * (DURATION_UNITS_NS[unit ?? ''] ?? Number.NaN)
  // 4.116 s is not exactly 4116000000 ns in binary fractions.
  return sign * Math.round(total)
}

/** The shortest Go form of whole nanoseconds: 90e9 gives "1m30s". */
export function formatDurationNs(ns: number): string {
  if (ns === 0) return '0s'
  const sign = ns < 0 ? '-' : ''
  let rest = Math.abs(ns)
  if (rest < 1e3) return `${sign}${rest}ns`
  if (rest < 1e6) return `${sign}${rest / 1e3}µs`
  if (rest < 1e9) return `${sign}${rest / 1e6}ms`
  const hours = Math.floor(rest / 3.6e12)
  rest -= hours * 3.6e12
  const minutes = Math.floor(rest / 6e10)
  rest -= minutes * 6e10
  const seconds = rest / 1e9
  return `${sign}${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`
}

const BYTE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
}

/**
 * Bytes of a size with binary units, or undefined when the text is none.
 * @example parseBytes("64m") === 67108864; parseBytes("1.5gb"); parseBytes("512KiB"); parseBytes("100")
 */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b)?$/i.exec(text.trim())
  if (match === null) return undefined
  return Math.floor(Number(match[1]) * (BYTE_UNITS[(match[2] ?? '').toLowerCase()] ?? Number.NaN))
}

function formatScaled(bytes: number, base: number, digits: number, units: readonly string[]): string {
  let value = bytes
  let index = 0
  while (value >= base && index < units.length - 1) {
    value /= base
    index += 1
  }
  return `${Number(value.toPrecision(digits))}${units[index]}`
}

/** Decimal units with three digits, as docker prints sizes: 1234567 gives "1.23MB". */
export function formatBytes(bytes: number): string {
  return formatScaled(bytes, 1000, 3, ['B', 'kB', 'MB', 'GB', 'TB', 'PB'])
}

/** Binary units with four digits, as docker prints memory: 1234567 gives "1.177MiB". */
export function formatBinaryBytes(bytes: number): string {
  return formatScaled(bytes, 1024, 4, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'])
}
