/** Requests side by side to a registry that turns out to speak no TLS; with a web that the test answers for. */
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { createTransport, type Transport } from '../../../../src/engine/registry/transport.ts'
import type { Web, WebRequest, WebResponse } from '../../../../src/host/web.ts'

interface Asked {
  readonly request: WebRequest
  answer(): void
  fail(code: string): void
}

function setUp(mayBePlain: boolean): { readonly transport: Transport; readonly asked: Asked[] } {
  const asked: Asked[] = []
  const web: Web = {
    request: (request) =>
      new Promise<WebResponse>((resolve, reject) => {
        asked.push({
          request,
          answer: () => resolve({ status: 200, headers: {}, body: Readable.from([]) }),
          fail: (code) => reject(Object.assign(new Error(code), { code })),
        })
      }),
    close() {},
  }
  const transport = createTransport({
    web,
    clock: { nowMs: () => 0, nowRfc3339: () => '', sleep: () => Promise.resolve() },
    endpoint: {
      host: '127.0.0.1:5000',
      url: new URL('https://127.0.0.1:5000'),
      tls: { verify: true },
      isMirror: false,
      mayBePlain,
      tokenServers: [],
    },
    credentials: undefined,
    repository: 'web',
    actions: 'pull',
    tlsOf: () => Promise.resolve({ verify: true }),
    userAgent: 'test',
  })
  return { transport, asked }
}

const get = (transport: Transport, target: string) =>
  transport.request({ method: 'GET', target, ok: [200], what: target, once: true })
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const schemes = (asked: readonly Asked[]): string[] => asked.map(({ request }) => request.url.protocol)

test('one finds out while another still waits for its refusal: both go on without TLS', async () => {
  const { transport, asked } = setUp(true)
  const [first, second] = [get(transport, 'a'), get(transport, 'b')]
  await turn()
  asked[0]?.fail('EPROTO')
  await turn()
  asked[2]?.answer()
  assert.equal((await first).url.href, 'http://127.0.0.1:5000/v2/web/a')
  asked[1]?.fail('ERR_SSL_WRONG_VERSION_NUMBER')
  await turn()
  asked[3]?.answer()
  assert.equal((await second).url.href, 'http://127.0.0.1:5000/v2/web/b')
  const third = get(transport, 'c')
  await turn()
  asked[4]?.answer()
  await third
  assert.deepEqual(schemes(asked), ['https:', 'https:', 'http:', 'http:', 'http:'])
})

test('a registry that has to speak TLS is never asked without', async () => {
  const { transport, asked } = setUp(false)
  const refused = get(transport, 'a')
  await turn()
  asked[0]?.fail('EPROTO')
  await assert.rejects(refused, { code: 'REGISTRY_TLS' })
  assert.deepEqual(schemes(asked), ['https:'])
})

test('where plain HTTP fails as well nothing is concluded: TLS is tried again', async () => {
  const { transport, asked } = setUp(true)
  const failed = get(transport, 'a')
  await turn()
  asked[0]?.fail('ECONNREFUSED')
  await turn()
  asked[1]?.fail('ECONNREFUSED')
  await assert.rejects(failed, { code: 'REGISTRY_UNREACHABLE' })
  const again = get(transport, 'b')
  await turn()
  asked[2]?.answer()
  assert.equal((await again).url.protocol, 'https:')
})
