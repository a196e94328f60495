/**
 * Bodies of HTTP/1.1 messages: which framing a head announces, and its incremental decoder. Data is handed on as views
 * of the arriving buffers, nothing is copied. Source: RFC 9112 sections 6 and 7. PURE.
 */
import { InvalidRequestError } from '../../errors.ts'
import { hasToken, type Headers } from './head.ts'

export type BodyFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until-close' }

/** What the head says; both a length and chunks at once is refused, as RFC 9112 section 6.1 advises. */
export function bodyFraming(headers: Headers, otherwise: 'none' | 'until-close'): BodyFraming {
  const length = headers.get('content-length')
  if (headers.has('transfer-encoding')) {
    if (!hasToken(headers, 'transfer-encoding', 'chunked') || length !== undefined)
      throw new InvalidRequestError('unsupported HTTP transfer encoding')
    return { kind: 'chunked' }
  }
  if (length === undefined) return { kind: otherwise }
  if (!/^\d{1,15}$/.test(length)) throw new InvalidRequestError('malformed Content-Length')
  const bytes = Number(length)
  return bytes === 0 ? { kind: 'none' } : { kind: 'length', bytes }
}

export interface BodyDecoder {
  /**
   * Takes bytes from the connection and emits those of the body. Undefined while more is to come; else what follows
   * the body (possibly empty). Throws InvalidRequestError for malformed chunks.
   */
  push(bytes: Buffer, emit: (data: Buffer) => void): Buffer | undefined
  /** The connection has ended: true when that is a whole body. */
  finish(): boolean
}

function lengthDecoder(total: number): BodyDecoder {
  let left = total
  return {
    push(bytes, emit) {
      const data = bytes.length <= left ? bytes : bytes.subarray(0, left)
      left -= data.length
      if (data.length > 0) emit(data)
      return left > 0 ? undefined : bytes.subarray(data.length)
    },
    finish: () => left === 0,
  }
}

/** A chunk's size line with extensions, or a trailer line, may be this long. */
const MAX_LINE = 4096

function chunkedDecoder(): BodyDecoder {
  let state: 'size' | 'data' | 'data-end' | 'trailer' | 'done' = 'size'
  let left = 0
  let line = ''

  /** The whole line once its LF is here; the part so far is kept otherwise. */
  function takeLine(bytes: Buffer, from: number): { text: string; next: number } | undefined {
    const end = bytes.indexOf(10, from)
    line += bytes.toString('latin1', from, end < 0 ? bytes.length : end)
    if (line.length > MAX_LINE) throw new InvalidRequestError('malformed HTTP chunk')
    if (end < 0) return undefined
    const text = line.endsWith('\r') ? line.slice(0, -1) : line
    line = ''
    return { text, next: end + 1 }
  }

  function sizeOf(text: string): number {
    const digits = text.split(';', 1)[0]?.trim() ?? ''
    if (!/^[0-9a-f]{1,12}$/i.test(digits)) throw new InvalidRequestError('malformed HTTP chunk size')
    return Number.parseInt(digits, 16)
  }

  return {
    push(bytes, emit) {
      let at = 0
      while (at < bytes.length) {
        if (state === 'data') {
          const data = bytes.subarray(at, at + left)
          left -= data.length
          at += data.length
          emit(data)
          if (left === 0) state = 'data-end'
          continue
        }
        const taken = takeLine(bytes, at)
        if (taken === undefined) return undefined
        at = taken.next
        if (state === 'size') {
          left = sizeOf(taken.text)
          state = left === 0 ? 'trailer' : 'data'
        } else if (state === 'data-end') {
          if (taken.text !== '') throw new InvalidRequestError('malformed HTTP chunk end')
          state = 'size'
        } else if (taken.text === '') {
          state = 'done'
          return bytes.subarray(at)
        }
      }
      return undefined
    },
    finish: () => state === 'done',
  }
}

export function createBodyDecoder(framing: BodyFraming): BodyDecoder {
  switch (framing.kind) {
    case 'none':
      return { push: (bytes) => bytes, finish: () => true }
    case 'length':
      return lengthDecoder(framing.bytes)
    case 'chunked':
      return chunkedDecoder()
    case 'until-close':
      return {
        push(bytes, emit) {
          if (bytes.length > 0) emit(bytes)
          return undefined
        },
        finish: () => true,
      }
    default:
      return framing satisfies never
  }
}

/** One chunk around `data`, as the pieces to write; an empty `data` would end the body and gives nothing. */
export function chunkHead(data: Uint8Array): string {
  return `${data.length.toString(16)}\r\n`
}

export const LAST_CHUNK = '0\r\n\r\n'
