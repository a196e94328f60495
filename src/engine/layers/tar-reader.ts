/**
 * Streaming tar reader: bytes are pushed in as they come, entries and their data go out to a sink, nothing is kept but
 * one header. ustar, PAX, GNU long names and links, base-256, all GNU sparse forms. Everything in a tar is hostile:
 * limits below. Source: POSIX.1-2017 pax; GNU tar manual.
 */
import type { ByteString } from '../../host/at.ts'
import { BLOCK, printable, tarError, type TarEntry, type TarEntryKind } from './tar-entry.ts'
import { parseHeader, readText, type TarHeader } from './tar-header.ts'
import { NO_PAX, parsePax, paxNumber, paxTimeNs, paxXattrs, type PaxHeader } from './tar-pax.ts'
import {
  SparseMapReader,
  checkPieces,
  oldSparseExtension,
  oldSparseHeader,
  paxSparse,
  type SparsePiece,
} from './tar-sparse.ts'

/** Called in the order entry, data (files only, none for holes), endEntry. What it throws ends the reading. */
export interface TarSink {
  entry(entry: TarEntry): void
  /** `chunk` is valid during the call only. */
  data(chunk: Buffer, fileOffset: number): void
  endEntry(): void
}

export interface TarLimits {
  readonly maxEntries: number
  /** All files together, holes not counted. */
  readonly maxTotalBytes: number
  /** One extended header, long name. */
  readonly maxMetadataBytes: number
  readonly maxPathBytes: number
}

export const DEFAULT_TAR_LIMITS: TarLimits = {
  maxEntries: 5_000_000,
  maxTotalBytes: 2 ** 40,
  maxMetadataBytes: 2 ** 20,
  maxPathBytes: 4096,
}

const KINDS: Readonly<Record<string, TarEntryKind>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'folder',
  D: 'folder',
  '6': 'fifo',
}
const EMPTY = Buffer.alloc(0)
const padding = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK

type Metadata = 'pax' | 'global' | 'longName' | 'longTarget'
const METADATA: Readonly<Record<string, Metadata>> = {
  x: 'pax',
  X: 'pax',
  g: 'global',
  L: 'longName',
  K: 'longTarget',
}

/** Where the reader stands. */
type State =
  | { readonly kind: 'header' }
  | { readonly kind: 'metadata'; readonly what: Metadata; readonly parts: Buffer[]; left: number; pad: number }
  | { readonly kind: 'oldSparse'; readonly header: TarHeader; readonly realSize: number; pieces: SparsePiece[] }
  | { readonly kind: 'sparseMap'; readonly map: SparseMapReader; readonly realSize: number; left: number }
  | {
      readonly kind: 'data'
      readonly pieces: readonly SparsePiece[]
      index: number
      done: number
      left: number
      pad: number
    }
  | { readonly kind: 'skip'; left: number }
  | { readonly kind: 'end' }

const HEADER: State = { kind: 'header' }

export class TarReader {
  readonly #sink: TarSink
  readonly #limits: TarLimits
  #state: State = HEADER
  /** The start of a block that is not complete yet. */
  #rest: Buffer = EMPTY
  #global: PaxHeader = NO_PAX
  #pax: PaxHeader = NO_PAX
  #longName: ByteString | undefined
  #longTarget: ByteString | undefined
  #zeroBlocks = 0
  #entries = 0
  #totalBytes = 0

  constructor(sink: TarSink, limits: Partial<TarLimits> = {}) {
    this.#sink = sink
    this.#limits = { ...DEFAULT_TAR_LIMITS, ...limits }
  }

  /** Entries so far. */
  get entries(): number {
    return this.#entries
  }

  /** Takes the next bytes. Throws TAR_INVALID. */
  push(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    this.#rest = EMPTY
    while (bytes.length > 0 && this.#state.kind !== 'end') {
      const used = this.#step(bytes)
      if (used === 0) {
        this.#rest = Buffer.from(bytes) // less than a block: the chunk may be reused by its owner
        return
      }
      bytes = bytes.subarray(used)
    }
  }

  /** The stream is over. Throws TAR_INVALID when it was not complete. A missing end mark is forgiven, as by GNU tar. */
  end(): void {
    const { kind } = this.#state
    if (kind === 'end') return
    if (kind !== 'header' || this.#rest.length > 0 || this.#hasPendingMetadata())
      throw tarError('it ends in the middle of an entry', 'the file is cut off: transfer or write it again')
  }

  #hasPendingMetadata(): boolean {
    return this.#pax !== NO_PAX || this.#longName !== undefined || this.#longTarget !== undefined
  }

  /** Works on the start of `bytes`; how many were used up; 0: more are needed. */
  #step(bytes: Buffer): number {
    const state = this.#state
    switch (state.kind) {
      case 'header':
        return bytes.length < BLOCK ? 0 : this.#header(bytes.subarray(0, BLOCK))
      case 'oldSparse':
        return bytes.length < BLOCK ? 0 : this.#oldSparse(state, bytes.subarray(0, BLOCK))
      case 'sparseMap':
        return bytes.length < BLOCK ? 0 : this.#sparseMap(state, bytes.subarray(0, BLOCK))
      case 'metadata':
        return this.#metadata(state, bytes)
      case 'data':
        return this.#data(state, bytes)
      case 'skip': {
        const used = Math.min(state.left, bytes.length)
        state.left -= used
        if (state.left === 0) this.#state = HEADER
        return used
      }
      case 'end':
        return bytes.length
      default:
        return state satisfies never
    }
  }

  #header(block: Buffer): number {
    const header = parseHeader(block)
    if (header === undefined) {
      this.#zeroBlocks += 1
      if (this.#zeroBlocks === 2) this.#state = { kind: 'end' }
      return BLOCK
    }
    if (this.#zeroBlocks > 0) throw tarError('an empty block stands between entries')
    if (header.sizeBytes < 0) throw tarError(`${printable(header.path)} has a negative size`)
    const metadata = METADATA[header.type]
    if (metadata !== undefined) this.#startMetadata(metadata, header)
    else if (header.type === 'V') this.#skip(header.sizeBytes)
    else this.#startEntry(header, block)
    return BLOCK
  }

  #startMetadata(what: Metadata, { sizeBytes }: TarHeader): void {
    if (sizeBytes > this.#limits.maxMetadataBytes) throw tarError(`an extended header of ${sizeBytes} bytes`)
    if (sizeBytes > 0) this.#state = { kind: 'metadata', what, parts: [], left: sizeBytes, pad: padding(sizeBytes) }
  }

  #skip(sizeBytes: number): void {
    const left = sizeBytes + padding(sizeBytes)
    this.#state = left === 0 ? HEADER : { kind: 'skip', left }
  }

  #metadata(state: State & { kind: 'metadata' }, bytes: Buffer): number {
    const used = Math.min(state.left, bytes.length)
    if (used > 0) state.parts.push(Buffer.from(bytes.subarray(0, used)))
    state.left -= used
    const padUsed = state.left === 0 ? Math.min(state.pad, bytes.length - used) : 0
    state.pad -= padUsed
    if (state.left === 0 && state.pad === 0) {
      this.#keepMetadata(state.what, Buffer.concat(state.parts))
      this.#state = HEADER
    }
    return used + padUsed
  }

  #keepMetadata(what: Metadata, data: Buffer): void {
    switch (what) {
      case 'pax':
        this.#pax = parsePax(data)
        break
      case 'global':
        this.#global = parsePax(data)
        break
      case 'longName':
        this.#longName = readText(data, 0, data.length)
        break
      case 'longTarget':
        this.#longTarget = readText(data, 0, data.length)
        break
      default:
        what satisfies never
    }
  }

  /** Applies PAX over the header: a record of the entry, else a global one, else the header's own field. */
  #toEntry(header: TarHeader): TarEntry {
    const { records } = this.#pax
    const globals = this.#global.records
    const record = (key: string): string | undefined => (records.get(key) ?? globals.get(key)) || undefined
    const path = records.get('GNU.sparse.name') || records.get('path') || this.#longName || header.path
    const target = records.get('linkpath') || this.#longTarget || header.target
    const uid = record('uid')
    const gid = record('gid')
    const mtime = record('mtime')
    if (path.length > this.#limits.maxPathBytes || target.length > this.#limits.maxPathBytes)
      throw tarError(`a path of more than ${this.#limits.maxPathBytes} bytes: ${printable(path)}`)
    let kind = KINDS[header.type]
    if (kind === undefined) throw tarError(`${printable(path)} has the unknown type ${JSON.stringify(header.type)}`)
    if (kind === 'file' && path.endsWith('/')) kind = 'folder' // tars older than POSIX
    return {
      kind,
      path,
      mode: header.mode,
      uid: uid === undefined ? header.uid : paxNumber('uid', uid),
      gid: gid === undefined ? header.gid : paxNumber('gid', gid),
      sizeBytes: 0,
      mtimeNs: mtime === undefined ? BigInt(header.mtimeSeconds) * 1_000_000_000n : paxTimeNs(mtime),
      target: kind === 'symlink' || kind === 'hardlink' ? target : '',
      major: kind === 'character' || kind === 'block' ? header.major : 0,
      minor: kind === 'character' || kind === 'block' ? header.minor : 0,
      xattrs: paxXattrs(records),
    }
  }

  #startEntry(header: TarHeader, block: Buffer): void {
    this.#entries += 1
    if (this.#entries > this.#limits.maxEntries) throw tarError(`more than ${this.#limits.maxEntries} entries`)
    const entry = this.#toEntry(header)
    const paxSize = this.#pax.records.get('size')
    const sizeBytes = paxSize === undefined ? header.sizeBytes : paxNumber('size', paxSize)
    if (sizeBytes < 0) throw tarError(`${printable(entry.path)} has a negative size`)
    const sparse = paxSparse(this.#pax)
    this.#pax = NO_PAX
    this.#longName = undefined
    this.#longTarget = undefined
    if (entry.kind !== 'file') {
      this.#sink.entry(entry)
      this.#sink.endEntry()
      // only GNU's dump folders carry data; a size elsewhere counts nothing that follows
      this.#skip(header.type === 'D' ? sizeBytes : 0)
      return
    }
    this.#totalBytes += sizeBytes
    if (this.#totalBytes > this.#limits.maxTotalBytes)
      throw tarError(`more than ${this.#limits.maxTotalBytes} bytes of data`)
    if (header.type === 'S') {
      const { pieces, realSize, extended } = oldSparseHeader(block)
      this.#sink.entry({ ...entry, sizeBytes: realSize })
      if (extended) this.#state = { kind: 'oldSparse', header: { ...header, sizeBytes }, realSize, pieces }
      else this.#startData(pieces, realSize, sizeBytes)
    } else if (sparse === undefined) {
      this.#sink.entry({ ...entry, sizeBytes })
      this.#startData([{ offset: 0, length: sizeBytes }], sizeBytes, sizeBytes)
    } else {
      this.#sink.entry({ ...entry, sizeBytes: sparse.realSize })
      if (sparse.version === '1.0')
        this.#state = { kind: 'sparseMap', map: new SparseMapReader(), realSize: sparse.realSize, left: sizeBytes }
      else this.#startData(sparse.pieces, sparse.realSize, sizeBytes)
    }
  }

  #oldSparse(state: State & { kind: 'oldSparse' }, block: Buffer): number {
    const { pieces, extended } = oldSparseExtension(block)
    state.pieces.push(...pieces)
    if (!extended) this.#startData(state.pieces, state.realSize, state.header.sizeBytes)
    else if (state.pieces.length > 1_000_000) throw tarError('a sparse map is too long')
    return BLOCK
  }

  #sparseMap(state: State & { kind: 'sparseMap' }, block: Buffer): number {
    state.left -= BLOCK
    if (state.left < 0) throw tarError('a sparse map is longer than its entry')
    const pieces = state.map.push(block)
    if (pieces !== undefined) this.#startData(pieces, state.realSize, state.left)
    return BLOCK
  }

  #startData(pieces: readonly SparsePiece[], realSize: number, sizeBytes: number): void {
    checkPieces(pieces, realSize, sizeBytes)
    this.#state = { kind: 'data', pieces, index: 0, done: 0, left: sizeBytes, pad: padding(sizeBytes) }
    if (sizeBytes === 0) this.#endEntry()
  }

  #endEntry(): void {
    this.#state = HEADER
    this.#sink.endEntry()
  }

  #data(state: State & { kind: 'data' }, bytes: Buffer): number {
    if (state.left === 0) {
      const used = Math.min(state.pad, bytes.length)
      state.pad -= used
      if (state.pad === 0) this.#endEntry()
      return used
    }
    let piece = state.pieces[state.index]
    while (piece !== undefined && state.done === piece.length) {
      state.index += 1
      state.done = 0
      piece = state.pieces[state.index]
    }
    if (piece === undefined) throw new Error('sparse pieces end before the data') // checkPieces makes it impossible
    const used = Math.min(piece.length - state.done, bytes.length)
    this.#sink.data(bytes.subarray(0, used), piece.offset + state.done)
    state.done += used
    state.left -= used
    if (state.left === 0 && state.pad === 0) this.#endEntry()
    return used
  }
}
