/**
 * Sparse files in tars: where the pieces of data belong. The old GNU map in the header and its extension blocks, PAX
 * 0.0 and 0.1 (map in the records) and 1.0 (map before the data). PURE. Source: GNU tar manual "Sparse Formats".
 */
import { readNumber } from './tar-header.ts'
import { paxNumber, type PaxHeader } from './tar-pax.ts'
import { BLOCK, tarError } from './tar-entry.ts'

export interface SparsePiece {
  readonly offset: number
  readonly length: number
}

/** A file that needs more is no honest one. */
const MAX_PIECES = 200_000
const HEADER_MAP = 386
const HEADER_PIECES = 4
const EXTENSION_PIECES = 21
const PIECE = 24

function readPieces(block: Buffer, offset: number, count: number): SparsePiece[] {
  const pieces: SparsePiece[] = []
  for (let index = 0; index < count; index += 1) {
    const at = offset + index * PIECE
    if (block[at] === 0) break
    pieces.push({ offset: readNumber(block, at, 12), length: readNumber(block, at + 12, 12) })
  }
  return pieces
}

/** The old GNU header (type "S"): first pieces, real size, and whether extension blocks follow. */
export function oldSparseHeader(block: Buffer): { pieces: SparsePiece[]; realSize: number; extended: boolean } {
  return {
    pieces: readPieces(block, HEADER_MAP, HEADER_PIECES),
    realSize: readNumber(block, 483, 12),
    extended: block[482] !== 0,
  }
}

/** One extension block of the old GNU header. */
export function oldSparseExtension(block: Buffer): { pieces: SparsePiece[]; extended: boolean } {
  return { pieces: readPieces(block, 0, EXTENSION_PIECES), extended: block[504] !== 0 }
}

function pairUp(numbers: readonly number[]): SparsePiece[] {
  if (numbers.length % 2 !== 0) throw tarError('a sparse map has an odd number of values')
  const pieces: SparsePiece[] = []
  for (let index = 0; index < numbers.length; index += 2)
    pieces.push({ offset: numbers[index] ?? 0, length: numbers[index + 1] ?? 0 })
  return pieces
}

/** What the records say of a sparse file; undefined when it is none. */
export function paxSparse({
  records,
  sparseNumbers,
}: PaxHeader):
  | { readonly version: '0.x'; readonly pieces: SparsePiece[]; readonly realSize: number }
  | { readonly version: '1.0'; readonly realSize: number }
  | undefined {
  const major = records.get('GNU.sparse.major')
  if (major === '1' && records.get('GNU.sparse.minor') === '0')
    return { version: '1.0', realSize: paxNumber('GNU.sparse.realsize', records.get('GNU.sparse.realsize') ?? '') }
  if (major !== undefined && major !== '0') throw tarError('unknown version of GNU.sparse')
  const size = records.get('GNU.sparse.size')
  if (size === undefined) return undefined
  const map = records.get('GNU.sparse.map')
  const numbers = map === undefined ? sparseNumbers : map.split(',').map((text) => paxNumber('GNU.sparse.map', text))
  return { version: '0.x', pieces: pairUp(numbers), realSize: paxNumber('GNU.sparse.size', size) }
}

/** Collects the map that stands before the data in version 1.0: decimal numbers, one a line, in whole blocks. */
export class SparseMapReader {
  #text = ''
  #numbers: number[] = []
  #want: number | undefined

  /** Takes one block; the pieces when the map is complete. Throws TAR_INVALID. */
  push(block: Buffer): SparsePiece[] | undefined {
    this.#text += block.toString('latin1', 0, BLOCK)
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      const number = paxNumber('GNU.sparse map', this.#text.slice(0, end))
      this.#text = this.#text.slice(end + 1)
      if (this.#want === undefined) {
        if (number < 0 || number > MAX_PIECES) throw tarError('a sparse map is too long')
        this.#want = number * 2
      } else this.#numbers.push(number)
      if (this.#numbers.length === this.#want) return pairUp(this.#numbers)
    }
    if (this.#text.length > 32) throw tarError('a sparse map holds no numbers')
    return undefined
  }
}

/** Pieces in order, inside the file, together as long as the data. Throws TAR_INVALID. */
export function checkPieces(pieces: readonly SparsePiece[], realSize: number, dataSize: number): void {
  if (pieces.length > MAX_PIECES) throw tarError('a sparse map is too long')
  let end = 0
  let total = 0
  for (const { offset, length } of pieces) {
    if (offset < end || length < 0 || offset + length > realSize) throw tarError('a sparse map is out of order')
    end = offset + length
    total += length
  }
  if (total !== dataSize) throw tarError('a sparse map does not fit the size of its data')
}
