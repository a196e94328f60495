/**
 * One 512-byte tar header: fields, octal and base-256 numbers, checksum. PURE.
 * Source: POSIX.1-2017 pax "ustar Interchange Format"; GNU tar manual "Basic Tar Format" (old sparse map, base-256).
 */
import type { ByteString } from '../../host/at.ts'
import { BLOCK, tarError } from './tar-entry.ts'

export interface TarHeader {
  readonly path: ByteString
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes of data that follow. */
  readonly sizeBytes: number
  readonly mtimeSeconds: number
  /** One character; "\0" is an old regular file. */
  readonly type: string
  readonly target: ByteString
  readonly major: number
  readonly minor: number
}

const MAGIC = 257
const CHECKSUM = 148

/** Text up to the first NUL. */
export function readText(block: Buffer, offset: number, length: number): ByteString {
  let end = offset
  while (end < offset + length && block[end] !== 0) end += 1
  return block.toString('latin1', offset, end)
}

function readBase256(block: Buffer, offset: number, length: number): number {
  const negative = ((block[offset] ?? 0) & 0x40) !== 0
  let value = BigInt((block[offset] ?? 0) & 0x7f)
  for (let index = offset + 1; index < offset + length; index += 1) value = (value << 8n) | BigInt(block[index] ?? 0)
  if (negative) value -= 1n << BigInt(length * 8 - 1)
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw tarError(`number out of range in a header`)
  return number
}

/** Octal digits between spaces and NULs, or base-256 (first bit set). Empty is 0. */
export function readNumber(block: Buffer, offset: number, length: number): number {
  if (((block[offset] ?? 0) & 0x80) !== 0) return readBase256(block, offset, length)
  let value = 0
  let digits = 0
  for (let index = offset; index < offset + length; index += 1) {
    const byte = block[index] ?? 0
    if (byte === 0x20 && digits === 0) continue
    if (byte === 0 || byte === 0x20) break
    if (byte < 0x30 || byte > 0x37) throw tarError('a number in a header has a digit that is not octal')
    value = value * 8 + (byte - 0x30)
    digits += 1
  }
  return value
}

/** Some old writers summed signed bytes: both sums are good. */
function checkSum(block: Buffer): void {
  let sum = 8 * 0x20
  let high = 0
  for (let index = 0; index < BLOCK; index += 1) {
    if (index === CHECKSUM) index += 8
    const byte = block[index] ?? 0
    sum += byte
    if (byte > 127) high += 1
  }
  const want = readNumber(block, CHECKSUM, 8)
  if (want !== sum && want !== sum - 256 * high)
    throw tarError('a header has a wrong checksum', 'the file is damaged, or it is no tar')
}

/** "ustar" has a prefix of 155 bytes (131 in star's dialect); GNU's dialect has times in its place. */
function readPath(block: Buffer): ByteString {
  const name = readText(block, 0, 100)
  if (block.toString('latin1', MAGIC, MAGIC + 6) !== 'ustar\0') return name
  const star = block.toString('latin1', 508, 512) === 'tar\0'
  const prefix = readText(block, 345, star ? 131 : 155)
  return prefix === '' ? name : `${prefix}/${name}`
}

/** Undefined for a block of zeros (part of the end mark). `block` has 512 bytes. Throws TAR_INVALID. */
export function parseHeader(block: Buffer): TarHeader | undefined {
  if (block[0] === 0 && block[CHECKSUM] === 0 && block.every((byte) => byte === 0)) return undefined
  checkSum(block)
  const extended = block.toString('latin1', MAGIC, MAGIC + 5) === 'ustar'
  return {
    path: readPath(block),
    mode: readNumber(block, 100, 8) & 0o7777,
    uid: readNumber(block, 108, 8),
    gid: readNumber(block, 116, 8),
    sizeBytes: readNumber(block, 124, 12),
    mtimeSeconds: readNumber(block, 136, 12),
    type: block.toString('latin1', 156, 157),
    target: readText(block, 157, 100),
    major: extended ? readNumber(block, 329, 8) : 0,
    minor: extended ? readNumber(block, 337, 8) : 0,
  }
}
