/**
 * Tar headers as bytes: ustar, with a PAX header before it where ustar has no room (long or non-ASCII names, large
 * numbers, fractions of a second, extended attributes). Same entry, same bytes. PURE. Source: POSIX.1-2017 pax.
 */
import { BLOCK, type TarEntry, type TarEntryKind } from './tar-entry.ts'
import { formatPax, formatPaxTime } from './tar-pax.ts'

const TYPES: Readonly<Record<TarEntryKind, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  folder: '5',
  fifo: '6',
}
const MAX_OCTAL_7 = 0o7777777
const MAX_OCTAL_11 = 0o77777777777

/** Two blocks of zeros: the end of a tar. */
export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK)

/** Zeros that follow `sizeBytes` of data. */
export function paddingBytes(sizeBytes: number): Buffer {
  return TAR_END.subarray(0, (BLOCK - (sizeBytes % BLOCK)) % BLOCK)
}

// oxlint-disable-next-line no-control-regex -- ASCII is meant
const isAscii = (text: string): boolean => /^[\u0001-\u007f]*$/.test(text)

interface UstarFields {
  readonly path: string
  readonly target: string
  readonly type: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly sizeBytes: number
  readonly mtimeSeconds: number
  readonly major: number
  readonly minor: number
}

function ustarBlock(fields: UstarFields): Buffer {
  const block = Buffer.alloc(BLOCK)
  const octal = (value: number, offset: number, length: number): void => {
    block.write(value.toString(8).padStart(length - 1, '0'), offset, 'latin1')
  }
  block.write(fields.path.slice(0, 100), 0, 'latin1')
  octal(fields.mode, 100, 8)
  octal(fields.uid <= MAX_OCTAL_7 ? fields.uid : 0, 108, 8)
  octal(fields.gid <= MAX_OCTAL_7 ? fields.gid : 0, 116, 8)
  octal(fields.sizeBytes <= MAX_OCTAL_11 ? fields.sizeBytes : 0, 124, 12)
  const timeFits = fields.mtimeSeconds >= 0 && fields.mtimeSeconds <= MAX_OCTAL_11
  octal(timeFits ? fields.mtimeSeconds : 0, 136, 12)
  block.write('        ', 148, 'latin1')
  block.write(fields.type, 156, 'latin1')
  block.write(fields.target.slice(0, 100), 157, 'latin1')
  block.write('ustar\u000000', 257, 'latin1')
  octal(fields.major, 329, 8)
  octal(fields.minor, 337, 8)
  let sum = 0
  for (const byte of block) sum += byte
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

function paxRecordsOf(entry: TarEntry): Map<string, string> {
  const records = new Map<string, string>()
  if (entry.path.length > 100 || !isAscii(entry.path)) records.set('path', entry.path)
  if (entry.target.length > 100 || !isAscii(entry.target)) records.set('linkpath', entry.target)
  if (entry.uid > MAX_OCTAL_7) records.set('uid', String(entry.uid))
  if (entry.gid > MAX_OCTAL_7) records.set('gid', String(entry.gid))
  if (entry.sizeBytes > MAX_OCTAL_11) records.set('size', String(entry.sizeBytes))
  const seconds = entry.mtimeNs / 1_000_000_000n
  if (entry.mtimeNs < 0n || entry.mtimeNs % 1_000_000_000n !== 0n || seconds > BigInt(MAX_OCTAL_11))
    records.set('mtime', formatPaxTime(entry.mtimeNs))
  for (const [name, value] of entry.xattrs) records.set(`SCHILY.xattr.${name}`, value.toString('latin1'))
  return records
}

/** The header, with its PAX header before it if it needs one. The data and its padding are the caller's. */
export function formatTarHeader(entry: TarEntry): Buffer {
  const fields: UstarFields = {
    path: entry.path,
    target: entry.target,
    type: TYPES[entry.kind],
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    sizeBytes: entry.sizeBytes,
    mtimeSeconds: Number(entry.mtimeNs / 1_000_000_000n),
    major: entry.major,
    minor: entry.minor,
  }
  const records = paxRecordsOf(entry)
  if (records.size === 0) return ustarBlock(fields)
  const data = formatPax(records)
  const name = entry.path.slice(entry.path.lastIndexOf('/', entry.path.length - 2) + 1)
  const pax = ustarBlock({
    ...fields,
    path: `PaxHeaders.0/${name}`,
    target: '',
    type: 'x',
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: data.length,
    major: 0,
    minor: 0,
  })
  return Buffer.concat([pax, data, paddingBytes(data.length), ustarBlock(fields)])
}
