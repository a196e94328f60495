/** An upload that breaks again and again, to a registry that keeps what came and can say how much: no byte goes twice. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname } from 'node:path'
import { test, type TestContext } from 'node:test'
import { blobPath } from '../../src/engine/registry/download.ts'
import { createTransport } from '../../src/engine/registry/transport.ts'
import { uploadBlob } from '../../src/engine/registry/upload.ts'
import { sha256Of } from '../support/oci-layout.ts'
import { openPrivateStore } from '../support/private-store.ts'

const BLOB = randomBytes(3_000_000)

interface UploadServer {
  readonly port: number
  /** What it has of the upload. */
  stored: Buffer
  /** First byte and number of bytes taken, for each PATCH. */
  readonly parts: (readonly [start: number, count: number])[]
  isFinished: boolean
  /** The answer to the first request that ends an upload is lost; as with Debian's registry the upload is forgotten then. */
  losesEnd: boolean
  ends: number
}

/** Breaks the connection of a PATCH after so many bytes; undefined: not. */
type Cut = (part: number) => number | undefined

async function startUploadServer(t: TestContext, cut: Cut): Promise<UploadServer> {
  const location = (): string => `/v2/web/blobs/uploads/1?at=${server.stored.length}`
  function onPart(request: IncomingMessage, response: ServerResponse): void {
    const start = Number(/^(\d+)-/.exec(request.headers['content-range'] ?? '')?.[1])
    if (start !== server.stored.length) {
      request.resume()
      response.writeHead(416).end()
      return
    }
    const limit = cut(server.parts.length) ?? Number.POSITIVE_INFINITY
    let taken = 0
    server.parts.push([start, 0])
    request.on('data', (chunk: Buffer) => {
      const kept = chunk.subarray(0, limit - taken)
      taken += kept.length
      server.stored = Buffer.concat([server.stored, kept])
      server.parts[server.parts.length - 1] = [start, taken]
      if (taken >= limit) request.destroy()
    })
    request.on('end', () => response.writeHead(202, { location: location() }).end())
    request.on('error', () => {})
  }
  const http = createServer((request, response) => {
    switch (request.method ?? '') {
      case 'HEAD':
        response.writeHead(server.isFinished ? 200 : 404).end()
        break
      case 'POST':
        response.writeHead(202, { location: location() }).end()
        break
      case 'GET':
        response.writeHead(204, { location: location(), range: `0-${server.stored.length - 1}` }).end()
        break
      case 'PATCH':
        onPart(request, response)
        break
      default:
        server.ends += 1
        if (server.isFinished) {
          response.writeHead(404).end()
          break
        }
        server.isFinished =
          sha256Of(server.stored) === new URL(request.url ?? '', 'http://x').searchParams.get('digest')
        if (server.losesEnd) request.destroy()
        else response.writeHead(server.isFinished ? 201 : 400).end()
    }
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    http.closeAllConnections()
    http.close()
  })
  const { port } = http.address() as AddressInfo
  const server: UploadServer = { port, stored: Buffer.alloc(0), parts: [], isFinished: false, losesEnd: false, ends: 0 }
  return server
}

async function upload(
  t: TestContext,
  cut: Cut,
): Promise<{ readonly server: UploadServer; readonly done: Promise<unknown> }> {
  const { base } = await openPrivateStore(t, 'overlay', (host) => ({
    ...host,
    clock: { ...host.clock, sleep: (_, signal) => host.clock.sleep(1, signal) },
  }))
  t.after(() => base.host.web.close())
  const server = await startUploadServer(t, cut)
  const host = `127.0.0.1:${server.port}`
  const digest = sha256Of(BLOB)
  mkdirSync(dirname(blobPath(base, digest)), { recursive: true })
  writeFileSync(blobPath(base, digest), BLOB)
  const { signal } = new AbortController()
  const transport = createTransport({
    web: base.host.web,
    clock: base.host.clock,
    endpoint: {
      host,
      url: new URL(`http://${host}`),
      tls: { verify: true },
      isMirror: false,
      mayBePlain: true,
      tokenServers: [],
    },
    credentials: undefined,
    repository: 'web',
    actions: 'pull,push',
    tlsOf: () => Promise.resolve({ verify: true }),
    userAgent: 'test',
    signal,
  })
  const blob = { digest, size: BLOB.length }
  return { server, done: uploadBlob(base, { transport, blob, mountFrom: [], signal, onProgress: () => {} }) }
}

test('goes on at the very byte, in the middle of a part', async (t) => {
  const { server, done } = await upload(t, (part) => [100_000, 1_500_001, 1][part])
  assert.deepEqual(await done, { kind: 'sent' })
  assert.ok(server.isFinished)
  let position = 0
  for (const [start, count] of server.parts) {
    assert.equal(start, position)
    position += count
  }
  assert.deepEqual([server.parts.length, position], [4, BLOB.length])
})

test('one that never gets on ends with an error that says what to do', async (t) => {
  const { server, done } = await upload(t, () => 0)
  await assert.rejects(done, { code: 'REGISTRY_UNREACHABLE', hint: /not sent again/ })
  assert.equal(server.isFinished, false)
})

test('an end of which the answer is lost is an end', async (t) => {
  const { server, done } = await upload(t, () => undefined)
  server.losesEnd = true
  assert.deepEqual(await done, { kind: 'sent' })
  assert.equal(server.ends, 2)
})
