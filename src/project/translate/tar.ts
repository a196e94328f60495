/**
 * A ustar archive of a few small files in memory, for PUT /containers/ID/archive (contents of secrets and configs).
 * Source: POSIX pax(1), "ustar Interchange Format". Pure.
 */
import { InvalidRequestError } from '../../errors.ts'

const BLOCK_BYTES = 512
const MAX_ID = 0o7777777

export interface TarFile {
  /** Relative, without "..": "run/secrets/password". */
  readonly path: string
  readonly content: Buffer
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtimeSeconds: number
}

export function encodeTar(files: readonly TarFile[]): Buffer {
  const blocks = files.flatMap((file) => [header(file), file.content, padding(file.content.length)])
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK_BYTES)])
}

function header(file: TarFile): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES)
  const { name, prefix } = splitPath(file.path)
  block.write(name, 0, 100)
  writeOctal(block, file.mode & 0o7777, 100, 8)
  writeOctal(block, checkId(file.uid, file.path), 108, 8)
  writeOctal(block, checkId(file.gid, file.path), 116, 8)
  writeOctal(block, file.content.length, 124, 12)
  writeOctal(block, file.mtimeSeconds, 136, 12)
  block.fill(' ', 148, 156)
  block.write('0', 156)
  block.write('ustar\u000000', 257)
  block.write(prefix, 345, 155)
  // the checksum counts its own field as blanks, and ends in NUL and blank
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

/** Octal digits that end in NUL. */
function writeOctal(block: Buffer, value: number, offset: number, length: number): void {
  block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset)
}

function checkId(id: number, path: string): number {
  if (Number.isInteger(id) && id >= 0 && id <= MAX_ID) return id
  throw new InvalidRequestError(`owner ${id} of "${path}" is no number between 0 and ${MAX_ID}`)
}

/** Paths above 100 bytes are cut at a "/" into prefix (155 bytes) and name. */
function splitPath(path: string): { readonly name: string; readonly prefix: string } {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: '' }
  for (let cut = path.indexOf('/'); cut !== -1; cut = path.indexOf('/', cut + 1)) {
    const [prefix, name] = [path.slice(0, cut), path.slice(cut + 1)]
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100) return { name, prefix }
  }
  throw new InvalidRequestError(`path "${path}" is too long for an archive`)
}

function padding(length: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (length % BLOCK_BYTES)) % BLOCK_BYTES)
}
