/**
 * HTTP/1.1 connections to one unix socket: kept alive and reused for calls, a fresh one for every hijack. Answers are
 * read as the bytes come (http1/), bodies with back-pressure. Source: RFC 9112; Docker Engine API on hijacking.
 */
import { createConnection, type Socket } from 'node:net'
import { CanceledError, MycomposeError, errnoOf } from '../../errors.ts'
import { createByteQueue, type ByteQueue } from '../byte-queue.ts'
import { bodyFraming, createBodyDecoder, type BodyDecoder } from '../http1/body.ts'
import { hasToken, headEnd, MAX_HEAD_BYTES, parseHead, type Headers } from '../http1/head.ts'
import { writeRequest, type HttpRequest } from './request.ts'

export interface HttpAnswer {
  readonly status: number
  readonly headers: Headers
  /** Must be read to its end (or left by `return`), else the connection stays taken. */
  readonly body: AsyncIterable<Buffer>
}

/** A connection that left HTTP behind. */
export interface RawStream {
  readonly status: number
  readonly headers: Headers
  readonly socket: Socket
  readonly bytes: AsyncIterable<Buffer>
}

export interface HttpConnections {
  send(request: HttpRequest): Promise<HttpAnswer>
  /** Sends with `Upgrade: tcp`. An answer that is neither 101 nor 200 comes back as HttpAnswer. */
  upgrade(request: HttpRequest): Promise<RawStream | HttpAnswer>
  close(): void
}

interface Exchange {
  onAnswer(answer: { status: number; headers: Headers }, connection: Connection, rest: Buffer): void
  onFailure(error: Error): void
}

/** One socket and the exchange that it is busy with. */
interface Connection {
  readonly socket: Socket
  exchange: Exchange | undefined
  /** Set while an answer's body arrives. */
  onData: ((bytes: Buffer) => void) | undefined
  onEnd: (() => void) | undefined
  /** A streamed request body is not through yet. */
  sending: boolean
}

function unreachable(socketPath: string, cause: Error): MycomposeError {
  const errno = errnoOf(cause)
  const denied = errno === 'EACCES'
  return new MycomposeError(`cannot reach the engine at ${socketPath}: ${errno ?? cause.message}`, {
    code: 'ENGINE_UNREACHABLE',
    hint: denied
      ? 'run as root, or as a member of the group that owns the socket'
      : 'start it with "mycompose engine start"; "mycompose doctor" tells what is wrong',
    cause,
  })
}

/** It had accepted the connection: what was asked for may be done or not. */
function lost(socketPath: string, cause: Error): MycomposeError {
  return new MycomposeError(`the engine at ${socketPath} ended before it had answered`, {
    code: 'ENGINE_UNREACHABLE',
    hint: 'containers go on; the next command starts the engine again, so give this one once more',
    cause,
  })
}

function statusOf(startLine: string): number {
  const match = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(startLine)
  if (match === null) throw new Error(`malformed HTTP status line ${JSON.stringify(startLine.slice(0, 80))}`)
  return Number(match[1])
}

/** Reads heads of answers; interim ones (100) are skipped. */
function createAnswerReader(connection: Connection): (bytes: Buffer) => void {
  let pending: Buffer | undefined
  return (bytes) => {
    const all: Buffer = pending === undefined ? bytes : Buffer.concat([pending, bytes])
    const end = headEnd(all)
    if (end < 0) {
      if (all.length > MAX_HEAD_BYTES) throw new Error('the engine sent an endless HTTP head')
      pending = all
      return
    }
    pending = undefined
    const { startLine, headers } = parseHead(all.toString('latin1', 0, end))
    const status = statusOf(startLine)
    const rest = all.subarray(end)
    if (status >= 100 && status < 200 && status !== 101) {
      if (rest.length > 0) connection.onData?.(rest)
      return
    }
    connection.exchange?.onAnswer({ status, headers }, connection, rest)
  }
}

function openConnection(socketPath: string): Connection {
  const socket = createConnection({ path: socketPath, allowHalfOpen: true })
  const connection: Connection = { socket, exchange: undefined, onData: undefined, onEnd: undefined, sending: false }
  let failure: Error | undefined
  let isConnected = false
  socket.once('connect', () => {
    isConnected = true
  })
  socket.on('error', (error) => {
    failure = error
  })
  socket.on('data', (bytes: Buffer) => {
    try {
      connection.onData?.(bytes)
    } catch (error) {
      connection.exchange?.onFailure(error instanceof Error ? error : new Error(String(error)))
      socket.destroy()
    }
  })
  socket.on('end', () => connection.onEnd?.())
  socket.on('close', () => {
    const describe = isConnected ? lost : unreachable
    connection.exchange?.onFailure(describe(socketPath, failure ?? new Error('it closed the connection')))
    connection.exchange = undefined
  })
  return connection
}

export function createHttpConnections(socketPath: string): HttpConnections {
  const idle: Connection[] = []
  const open = new Set<Connection>()

  function take(fresh: boolean): Connection {
    const kept = fresh ? undefined : idle.pop()
    if (kept !== undefined) {
      kept.socket.ref()
      return kept
    }
    const connection = openConnection(socketPath)
    open.add(connection)
    connection.socket.once('close', () => {
      open.delete(connection)
      const index = idle.indexOf(connection)
      if (index >= 0) idle.splice(index, 1)
    })
    return connection
  }

  /** An idle connection must not keep the process alive. */
  function giveBack(connection: Connection): void {
    connection.exchange = undefined
    connection.onData = undefined
    connection.onEnd = () => connection.socket.destroy()
    connection.socket.unref()
    idle.push(connection)
  }

  function readBody(
    connection: Connection,
    decoder: BodyDecoder,
    rest: Buffer,
    { keep, detach, aborted }: { keep: boolean; detach: () => void; aborted: () => boolean },
  ): AsyncIterable<Buffer> {
    const { socket } = connection
    const queue: ByteQueue = createByteQueue({
      onPressure: (stop) => void (stop ? socket.pause() : socket.resume()),
      onAbandon: () => void socket.destroy(),
    })
    const finish = (): void => {
      detach()
      queue.end()
      if (keep && !connection.sending) giveBack(connection)
      else socket.destroy()
    }
    connection.exchange = {
      onAnswer() {},
      onFailure(error) {
        detach()
        if (aborted()) queue.end()
        else queue.fail(error)
      },
    }
    connection.onData = (bytes) => {
      if (decoder.push(bytes, (data) => queue.push(data)) !== undefined) finish()
    }
    connection.onEnd = () => {
      if (decoder.finish()) finish()
      else socket.destroy()
    }
    connection.onData(rest)
    return queue
  }

  function start<T>(
    request: HttpRequest,
    fresh: boolean,
    onAnswer: (
      answer: { status: number; headers: Headers },
      connection: Connection,
      rest: Buffer,
      guard: { detach: () => void; aborted: () => boolean },
    ) => T,
  ): Promise<T> {
    const { abort } = request
    return new Promise((resolve, reject) => {
      if (abort?.aborted === true) {
        reject(new CanceledError())
        return
      }
      const connection = take(fresh)
      const onAbort = (): void => void connection.socket.destroy()
      const guard = {
        detach: () => abort?.removeEventListener('abort', onAbort),
        aborted: () => abort?.aborted === true,
      }
      connection.exchange = {
        onAnswer: (answer, from, rest) => resolve(onAnswer(answer, from, rest, guard)),
        onFailure(error) {
          guard.detach()
          reject(guard.aborted() ? new CanceledError('canceled', { cause: error }) : error)
        },
      }
      connection.onData = createAnswerReader(connection)
      connection.onEnd = () => connection.socket.destroy()
      abort?.addEventListener('abort', onAbort, { once: true })
      try {
        connection.sending = true
        writeRequest(connection.socket, request, { upgrade: fresh, onSent: () => (connection.sending = false) })
      } catch (error) {
        connection.socket.destroy()
        reject(error instanceof Error ? error : new Error(String(error)))
      }
    })
  }

  function toAnswer(
    request: HttpRequest,
    answer: { status: number; headers: Headers },
    connection: Connection,
    rest: Buffer,
    guard: { detach: () => void; aborted: () => boolean },
  ): HttpAnswer {
    const { status, headers } = answer
    const empty = request.method === 'HEAD' || status === 204 || status === 304
    const framing = empty ? ({ kind: 'none' } as const) : bodyFraming(headers, 'until-close')
    const keep = framing.kind !== 'until-close' && !hasToken(headers, 'connection', 'close')
    return { ...answer, body: readBody(connection, createBodyDecoder(framing), rest, { keep, ...guard }) }
  }

  return {
    send: (request) => start(request, false, (...answer) => toAnswer(request, ...answer)),
    upgrade: (request) =>
      start<RawStream | HttpAnswer>(request, true, (answer, connection, rest, guard) => {
        if (answer.status !== 101 && answer.status !== 200) return toAnswer(request, answer, connection, rest, guard)
        const decoder = createBodyDecoder({ kind: 'until-close' })
        const bytes = readBody(connection, decoder, rest, { keep: false, ...guard })
        return { ...answer, socket: connection.socket, bytes }
      }),
    close() {
      for (const connection of open) connection.socket.destroy()
    },
  }
}
