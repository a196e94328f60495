/** Requests on the wire: head, and body as one piece or in chunks. Source: RFC 9112. */
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { chunkHead, LAST_CHUNK } from '../http1/body.ts'
import { formatHead } from '../http1/head.ts'

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD'
  /** With query, as it goes on the wire. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | Readable
  /** Past it the connection is dropped; before the answer that is a CanceledError, in a body its quiet end. */
  readonly abort?: AbortSignal | undefined
}

/** Writes all of it, streams as they come; `onSent` when the last byte was handed to the socket. */
export function writeRequest(
  socket: Socket,
  request: HttpRequest,
  { upgrade, onSent }: { readonly upgrade: boolean; readonly onSent: () => void },
): void {
  const { method, path, body } = request
  const headers: Record<string, string | number> = { Host: 'localhost', 'User-Agent': 'mycompose', ...request.headers }
  if (upgrade) Object.assign(headers, { Connection: 'Upgrade', Upgrade: 'tcp' })
  const start = `${method} ${path} HTTP/1.1`
  if (body === undefined) {
    if (method === 'POST' || method === 'PUT') headers['Content-Length'] = 0
    socket.write(formatHead(start, headers))
    onSent()
    return
  }
  if (typeof body === 'string' || body instanceof Uint8Array) {
    headers['Content-Length'] = Buffer.byteLength(body)
    socket.cork()
    socket.write(formatHead(start, headers))
    socket.write(body)
    socket.uncork()
    onSent()
    return
  }
  headers['Transfer-Encoding'] = 'chunked'
  socket.write(formatHead(start, headers))
  streamBody(socket, body, onSent)
}

/** A body of unknown length, in chunks, at the pace of the socket. */
function streamBody(socket: Socket, body: Readable, onSent: () => void): void {
  const resume = (): void => void body.resume()
  socket.on('drain', resume)
  body.on('data', (data: Buffer) => {
    if (data.length === 0) return
    socket.cork()
    socket.write(chunkHead(data))
    socket.write(data)
    const room = socket.write('\r\n')
    socket.uncork()
    if (!room) body.pause()
  })
  body.once('end', () => {
    socket.off('drain', resume)
    socket.write(LAST_CHUNK)
    onSent()
  })
  body.once('error', (error) => socket.destroy(error))
  // the answer came first (an error): nobody wants the rest
  socket.once('close', () => body.destroy())
}
