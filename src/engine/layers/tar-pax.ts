/**
 * PAX extended header records ("LENGTH KEY=VALUE\n") and what they say about the entry that follows. PURE.
 * Source: POSIX.1-2017 pax "pax Extended Header"; SCHILY.xattr of star; GNU tar manual "Sparse Formats".
 */
import type { ByteString } from '../../host/at.ts'
import { tarError } from './tar-entry.ts'

export type PaxRecords = ReadonlyMap<string, ByteString>

/** One map for the repeated keys of GNU sparse 0.0, in their order. */
export interface PaxHeader {
  readonly records: PaxRecords
  /** GNU.sparse.offset and GNU.sparse.numbytes, as they came. */
  readonly sparseNumbers: readonly number[]
}

export const NO_PAX: PaxHeader = { records: new Map(), sparseNumbers: [] }

/** A whole number of a record. Throws TAR_INVALID. */
export function paxNumber(key: string, value: string): number {
  const number = /^-?\d{1,16}$/.test(value) ? Number(value) : Number.NaN
  if (!Number.isSafeInteger(number)) throw tarError(`the PAX record ${key} is no number`)
  return number
}

/** Nanoseconds of "1700000000.123456789"; digits beyond the ninth are dropped. Throws TAR_INVALID. */
export function paxTimeNs(value: string): bigint {
  const match = /^(-?)(\d{1,12})(?:\.(\d*))?$/.exec(value)
  if (match === null) throw tarError('a PAX time is no number')
  const ns = BigInt(match[2] ?? '0') * 1_000_000_000n + BigInt((match[3] ?? '').slice(0, 9).padEnd(9, '0'))
  return match[1] === '-' ? -ns : ns
}

/** Throws TAR_INVALID. */
export function parsePax(data: Buffer): PaxHeader {
  const records = new Map<string, ByteString>()
  const sparseNumbers: number[] = []
  for (let at = 0; at < data.length;) {
    if (data[at] === 0) break // some writers pad with NULs
    const space = data.indexOf(0x20, at)
    const length = space < 0 || space - at > 8 ? Number.NaN : Number(data.toString('latin1', at, space))
    const end = at + length
    if (!Number.isInteger(length) || end > data.length || end <= space + 1 || data[end - 1] !== 0x0a)
      throw tarError('a PAX record has a wrong length')
    const equals = data.indexOf(0x3d, space)
    if (equals < 0 || equals >= end) throw tarError('a PAX record has no "="')
    const key = data.toString('latin1', space + 1, equals)
    const value = data.toString('latin1', equals + 1, end - 1)
    if ((key === 'path' || key === 'linkpath') && value.includes('\0')) throw tarError(`NUL in the PAX record ${key}`)
    if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') sparseNumbers.push(paxNumber(key, value))
    records.set(key, value)
    at = end
  }
  return { records, sparseNumbers }
}

const XATTR = 'SCHILY.xattr.'

/** Extended attributes that the records carry. */
export function paxXattrs(records: PaxRecords): ReadonlyMap<ByteString, Buffer> {
  const xattrs = new Map<ByteString, Buffer>()
  for (const [key, value] of records)
    if (key.startsWith(XATTR)) xattrs.set(key.slice(XATTR.length), Buffer.from(value, 'latin1'))
  return xattrs
}

/** One record; its length counts itself. */
function formatRecord(key: string, value: ByteString): ByteString {
  const rest = key.length + value.length + 3 // space, "=", newline
  let length = rest + String(rest).length
  if (String(length).length > String(rest).length) length = rest + String(length).length
  return `${length} ${key}=${value}\n`
}

/** Sorted by key: same records, same bytes. */
export function formatPax(records: PaxRecords): Buffer {
  const sorted = [...records].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Buffer.from(sorted.map(([key, value]) => formatRecord(key, value)).join(''), 'latin1')
}

/** "1700000000.5"; whole seconds without a point. */
export function formatPaxTime(ns: bigint): string {
  const sign = ns < 0n ? '-' : ''
  const absolute = ns < 0n ? -ns : ns
  const fraction = (absolute % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '')
  return `${sign}${absolute / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}`
}
