import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { formatQuery } from '../../../src/api/client/call.ts'
import { connectEngine } from '../../../src/api/client/connect.ts'
import type { EngineClient } from '../../../src/api/client/client.ts'
import { CanceledError } from '../../../src/errors.ts'

/** Another engine: Node's own HTTP server, as foreign as dockerd to our codec. */
async function foreign(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<AsyncDisposable & { client: EngineClient; connections(): number }> {
  const folder = mkdtempSync(join(tmpdir(), 'mycompose-client-'))
  const socketPath = join(folder, 's')
  const server = createServer(handle)
  let connections = 0
  server.on('connection', () => (connections += 1))
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  const client = connectEngine({ socketPath })
  return {
    client,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      client.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

describe('API client', () => {
  it('says that there is no engine', async () => {
    const client = connectEngine({ socketPath: '/nonexistent/engine.sock' })
    await assert.rejects(client.version(), {
      code: 'ENGINE_UNREACHABLE',
      message: /\/nonexistent\/engine\.sock: ENOENT/,
    })
  })

  it('reuses its connection', async () => {
    await using engine = await foreign((_request, response) => response.end('{"Version":"1"}'))
    for (let round = 0; round < 5; round += 1) assert.equal((await engine.client.version()).Version, '1')
    assert.equal(engine.connections(), 1)
  })

  it('keeps its connection when a reader leaves an answer that has come whole', async () => {
    await using engine = await foreign((request, response) => {
      const isPull = request.url?.includes('/images/create') === true
      response.end(isPull ? '{"error":"no"}\n{"status":"never read"}\n' : '{"Version":"1"}')
    })
    for (let round = 0; round < 5; round += 1) {
      await assert.rejects(Array.fromAsync(engine.client.images.pull('web:1')), { message: 'no' })
      assert.equal((await engine.client.version()).Version, '1')
    }
    assert.equal(engine.connections(), 1)
  })

  it('goes down to the version of an older engine', async () => {
    const paths: string[] = []
    await using engine = await foreign((request, response) => {
      paths.push(request.url ?? '')
      response.setHeader('Api-Version', '1.41')
      if (request.url?.startsWith('/v1.51/') === true) {
        response.statusCode = 400
        response.end('{"message":"client version 1.51 is too new. Maximum supported API version is 1.41"}')
      } else response.end('[]')
    })
    assert.deepEqual(await engine.client.networks.list({ label: ['a=b'] }), [])
    assert.deepEqual(await engine.client.networks.list(), [])
    assert.deepEqual(
      paths.map((path) => path.split('/')[1]),
      ['v1.51', 'v1.41', 'v1.41'],
    )
    assert.equal(new URL(paths[1] ?? '', 'http://x').searchParams.get('filters'), '{"label":{"a=b":true}}')
  })

  it('shows an error that is not JSON as it is', async () => {
    await using engine = await foreign((_request, response) => {
      response.statusCode = 502
      response.end('<h1>gateway</h1>')
    })
    await assert.rejects(engine.client.version(), { status: 502, message: '<h1>gateway</h1>' })
  })

  it('drops a call when it is aborted', async () => {
    const abort = new AbortController()
    const gone = Promise.withResolvers<void>()
    await using engine = await foreign((request) => {
      request.once('close', () => gone.resolve())
      abort.abort()
    })
    await assert.rejects(engine.client.containers.wait('a', 'not-running', abort.signal), CanceledError)
    await gone.promise
  })

  it('tells an answer that broke off', async () => {
    await using engine = await foreign((_request, response) => {
      response.write('[')
      setTimeout(() => response.destroy(), 10)
    })
    await assert.rejects(engine.client.networks.list(), { code: 'ENGINE_UNREACHABLE' })
  })

  it('writes queries', () => {
    assert.equal(
      formatQuery({ a: 1, b: true, c: false, d: undefined, e: ['x y', 'z'], f: 'ü&' }),
      '?a=1&b=1&e=x%20y&e=z&f=%C3%BC%26',
    )
    assert.equal(formatQuery({ a: undefined }), '')
  })
})
