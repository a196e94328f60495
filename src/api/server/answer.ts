/** What a handler gets and what it gives back: values, so that handlers are tested without a socket. */
import type { Writable } from 'node:stream'
import type { Headers } from '../http1/head.ts'
import type { Query } from './query.ts'

export interface ApiRequest {
  readonly method: string
  /** Percent-decoded values of the route's {parameters}. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Query
  readonly headers: Headers
  readonly body: AsyncIterable<Buffer>
  /** "1.44", as the client's path says it; the newest when it says none. */
  readonly version: string
  /** Fires when the client goes away. */
  readonly signal: AbortSignal
}

/** The raw connection after a hijack. */
export interface HijackedConnection {
  /** Ends when the client closes its half. */
  readonly input: AsyncIterable<Buffer>
  readonly output: Writable
}

export type Answer =
  | { readonly kind: 'json'; readonly status: number; readonly value: unknown; readonly headers?: AnswerHeaders }
  | { readonly kind: 'empty'; readonly status: number; readonly headers?: AnswerHeaders }
  | { readonly kind: 'text'; readonly text: string; readonly headers?: AnswerHeaders }
  /** The head is sent at once, then what `write` writes, in chunks; it ends when `write` returns. */
  | {
      readonly kind: 'stream'
      readonly contentType: string
      readonly headers?: AnswerHeaders
      write(sink: Writable): Promise<void>
    }
  /** 101 when the client asked to upgrade, else 200; raw bytes both ways until `run` returns. */
  | { readonly kind: 'hijack'; readonly contentType: string; run(connection: HijackedConnection): Promise<void> }

export type AnswerHeaders = Readonly<Record<string, string>>

export type Handler = (request: ApiRequest) => Promise<Answer>

export const RAW_STREAM = 'application/vnd.docker.raw-stream'
export const MULTIPLEXED_STREAM = 'application/vnd.docker.multiplexed-stream'

export const ok = (value: unknown): Answer => ({ kind: 'json', status: 200, value })
export const created = (value: unknown): Answer => ({ kind: 'json', status: 201, value })
export const noContent: Answer = { kind: 'empty', status: 204 }
export const notModified: Answer = { kind: 'empty', status: 304 }
