/**
 * A way to a registry that fails as ways do, and worse: a reverse proxy on loopback that passes requests on or does to
 * each what its rule says. It keeps a record of what was asked and how much was answered, so that a test can tell what
 * was fetched twice and where a password went.
 */
import { createServer, request as askUpstream, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import type { IncomingMessage } from 'node:http'

export type Fault =
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: Buffer | string
    }
  /** The connection ends after so many bytes of the body. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** The connection ends after so many bytes of the request's body. */
  | { readonly kind: 'cut upload'; readonly afterBytes: number }
  /** Nothing more comes, and the connection stays. */
  | { readonly kind: 'stall'; readonly afterBytes: number }
  | { readonly kind: 'slow'; readonly chunkBytes: number; readonly pauseMs: number }
  /** One byte of the body is another one. */
  | { readonly kind: 'flip'; readonly atByte: number }
  /** Headers of the answer as they are not true; the connection ends with the body. */
  | { readonly kind: 'lie'; readonly headers: Readonly<Record<string, string>> }
  /** As a registry without ranges. */
  | { readonly kind: 'no ranges' }

export interface SeenRequest {
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** Of the answer's body, as far as it was sent. */
  sentBytes: number
  /** Of the request's body, as far as it was passed on. */
  receivedBytes: number
}

export interface FaultProxy {
  /** "127.0.0.1:41234" */
  readonly host: string
  readonly url: string
  readonly seen: SeenRequest[]
  /** What is done to a request; undefined: it is passed on. `number`: how many of this method and path were before. */
  rule: (request: SeenRequest, number: number) => Fault | undefined
}

function answer(response: ServerResponse, fault: Fault & { kind: 'answer' }, seen: SeenRequest): void {
  const body = Buffer.from(fault.body ?? '')
  seen.sentBytes = body.length
  response.writeHead(fault.status, { 'content-length': body.length, ...fault.headers }).end(body)
}

/** Passes the body on as the fault wants it. */
async function passBody(
  from: IncomingMessage,
  to: ServerResponse,
  fault: Fault | undefined,
  seen: SeenRequest,
): Promise<void> {
  const write = (bytes: Buffer): void => {
    seen.sentBytes += bytes.length
    to.write(bytes)
  }
  for await (const chunk of from as AsyncIterable<Buffer>) {
    if (fault?.kind === 'cut' || fault?.kind === 'stall') {
      write(chunk.subarray(0, Math.max(0, fault.afterBytes - seen.sentBytes)))
      if (seen.sentBytes < fault.afterBytes) continue
      if (fault.kind === 'cut') to.socket?.end(() => to.socket?.destroy())
      return
    }
    if (fault?.kind === 'slow') {
      for (let at = 0; at < chunk.length && !to.destroyed; at += fault.chunkBytes) {
        write(chunk.subarray(at, at + fault.chunkBytes))
        await new Promise((resolve) => setTimeout(resolve, fault.pauseMs))
      }
      continue
    }
    const place = fault?.kind === 'flip' ? fault.atByte - seen.sentBytes : -1
    if (place >= 0 && place < chunk.length) chunk[place] = (chunk[place] ?? 0) ^ 0xff
    write(chunk)
  }
  if (fault?.kind === 'lie' || fault?.kind === 'cut') to.socket?.end()
  else to.end()
}

/** `upstream`: the URL of the registry. */
export async function startFaultProxy(t: TestContext, upstream: string): Promise<FaultProxy> {
  const counts = new Map<string, number>()
  const server = createServer((request, response) => {
    const { method = 'GET', url = '/', headers } = request
    const seen: SeenRequest = { method, path: url, headers, sentBytes: 0, receivedBytes: 0 }
    const number = counts.get(`${method} ${url}`) ?? 0
    counts.set(`${method} ${url}`, number + 1)
    proxy.seen.push(seen)
    const fault = proxy.rule(seen, number)
    if (fault?.kind === 'answer') {
      request.resume()
      answer(response, fault, seen)
      return
    }
    const { range: _, ...withoutRange } = headers
    const passed = fault?.kind === 'no ranges' ? withoutRange : headers
    const up = askUpstream(new URL(url, upstream), { method, headers: passed, agent: false }, (from) => {
      response.writeHead(from.statusCode ?? 502, { ...from.headers, ...(fault?.kind === 'lie' ? fault.headers : {}) })
      response.flushHeaders()
      passBody(from, response, fault, seen).catch(() => response.destroy())
    })
    up.on('error', () => response.destroy())
    response.on('close', () => up.destroy())
    request.on('data', (chunk: Buffer) => {
      const limit = fault?.kind === 'cut upload' ? fault.afterBytes : Number.POSITIVE_INFINITY
      const passedOn = chunk.subarray(0, limit - seen.receivedBytes)
      seen.receivedBytes += passedOn.length
      // what the registry does not take the client must not send
      if (!up.write(passedOn)) request.pause()
      if (seen.receivedBytes < limit) return
      up.once('drain', () => up.destroy())
      if (!up.writableNeedDrain) up.destroy()
      request.destroy()
    })
    up.on('drain', () => request.resume())
    request.on('end', () => up.end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const proxy: FaultProxy = { host, url: `http://${host}`, seen: [], rule: () => undefined }
  t.after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return proxy
}

/** Bytes of blobs that were answered. */
export function blobBytes({ seen }: FaultProxy): number {
  return seen
    .filter(({ method, path }) => method === 'GET' && path.includes('/blobs/sha256:'))
    .reduce((total, { sentBytes }) => total + sentBytes, 0)
}
