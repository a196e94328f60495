import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { describe, it } from 'node:test'
import { PassThrough, type Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { frameHeader } from '../../../src/api/stream.ts'
import type { ExecInspect } from '../../../src/api/types/index.ts'
import type { StdioSession } from '../../../src/engine/services/index.ts'
import { ConflictError, InvalidRequestError, NotFoundError, UnsupportedError } from '../../../src/errors.ts'
import { serve } from './fake-engine.ts'

const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: docker\r\n${more}\r\n`

describe('API server', () => {
  it('answers a ping with the headers that clients negotiate by', async () => {
    await using engine = await serve({})
    const answer = await engine.raw(get('/_ping'))
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
    for (const header of ['Api-Version: 1.51', 'Ostype: linux', 'Docker-Experimental: false', 'Builder-Version: 1'])
      assert.ok(answer.includes(`\r\n${header}\r\n`), header)
    assert.ok(answer.endsWith('\r\n\r\nOK'))
    const head = await engine.raw('HEAD /_ping HTTP/1.1\r\nHost: docker\r\n\r\n')
    assert.ok(head.includes('\r\nApi-Version: 1.51\r\n') && head.endsWith('\r\n\r\n'))
  })

  it('serves one request after the other on a connection, pipelined ones too', async () => {
    await using engine = await serve({})
    const answer = await engine.raw(
      get('/_ping') + get('/v1.44/_ping') + get('/nowhere') + get('/_ping', 'Connection: close\r\n') + get('/_ping'),
    )
    assert.deepEqual(answer.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200'])
    assert.ok(answer.includes('{"message":"page not found"'))
  })

  const failures = [
    { error: new NotFoundError('No such container: x', { hint: 'look' }), status: 404, code: 'NOT_FOUND' },
    { error: new ConflictError('taken', { code: 'NAME_TAKEN' }), status: 409, code: 'NAME_TAKEN' },
    { error: new InvalidRequestError('bad'), status: 400, code: 'INVALID_REQUEST' },
    { error: new UnsupportedError('later'), status: 501, code: 'UNSUPPORTED' },
    { error: new TypeError('a bug'), status: 500, code: 'INTERNAL' },
  ]
  for (const { error, status, code } of failures)
    it(`maps ${error.name} to ${status}`, async () => {
      await using engine = await serve({ containers: { inspect: () => Promise.reject(error) } })
      const answer = await engine.raw(get('/containers/x/json'))
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `))
      const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as Record<string, string>
      assert.equal(body['code'], code)
      assert.equal(body['hint'], 'hint' in error ? error.hint : undefined)
      assert.equal(engine.log.length, status === 500 ? 1 : 0)
    })

  it('refuses web pages: an Origin, or a Host that is a public name', async () => {
    await using engine = await serve({})
    assert.match(await engine.raw(get('/_ping', 'Origin: http://localhost\r\n')), /^HTTP\/1\.1 403 /)
    assert.match(await engine.raw('GET /_ping HTTP/1.1\r\nHost: evil.example\r\n\r\n'), /^HTTP\/1\.1 403 /)
    for (const host of [
      'localhost',
      'docker',
      'api.moby.localhost',
      '127.0.0.1:2375',
      '%2Frun%2Fengine.sock',
      '[::1]',
      'd',
    ])
      assert.match(await engine.raw(`GET /_ping HTTP/1.1\r\nHost: ${host}\r\n\r\n`), /^HTTP\/1\.1 200 /, host)
  })

  it('refuses what is no HTTP, an endless head, and a JSON body beyond 4 MiB', async () => {
    await using engine = await serve({ networks: { create: () => Promise.reject(new Error('too far')) } })
    assert.match(await engine.raw('hello\r\n\r\n'), /^HTTP\/1\.1 400 /)
    assert.match(await engine.raw(`GET / HTTP/1.1\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`), /^HTTP\/1\.1 400 |^$/)
    const size = 5 * 1024 * 1024
    const body = ' '.repeat(size)
    const answer = await engine.raw(
      `POST /networks/create HTTP/1.1\r\nHost: d\r\nContent-Length: ${size}\r\n\r\n${body}`,
    )
    assert.match(answer, /^HTTP\/1\.1 413 /)
  })

  it('asks a careful client to go on', async () => {
    await using engine = await serve({
      volumes: { create: (body) => Promise.reject(new ConflictError(JSON.stringify(body))) },
    })
    const answer = await engine.raw(
      'POST /volumes/create HTTP/1.1\r\nHost: d\r\nExpect: 100-continue\r\nContent-Length: 12\r\n\r\n{"Name":"a"}',
    )
    assert.match(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 409 /)
  })

  it('says 304 for what is so already, and hands the options on', async () => {
    const stops: unknown[] = []
    await using engine = await serve({
      containers: {
        start: () => Promise.resolve(false),
        stop: (id, options) => {
          stops.push([id, options])
          return Promise.resolve(stops.length === 1)
        },
      },
    })
    assert.equal(await engine.client.containers.start('a'), false)
    assert.equal(await engine.client.containers.stop('a/b', { timeoutSeconds: -1, signal: 'INT' }), true)
    assert.equal(await engine.client.containers.stop('a'), false)
    assert.deepEqual(stops, [
      ['a/b', { timeoutSeconds: -1, signal: 'INT' }],
      ['a', {}],
    ])
  })

  it('sends the head of wait before the container has ended', async () => {
    const exit = Promise.withResolvers<{ StatusCode: number }>()
    await using engine = await serve({
      containers: { inspect: () => Promise.resolve({ Id: 'i' } as never), wait: () => exit.promise },
    })
    const socket = createConnection(engine.socketPath)
    socket.write('POST /containers/a/wait?condition=next-exit HTTP/1.1\r\nHost: d\r\n\r\n')
    const [head] = (await once(socket, 'data')) as [Buffer]
    assert.match(head.toString(), /^HTTP\/1\.1 200 OK\r\n/)
    assert.ok(!head.toString().includes('StatusCode'))
    exit.resolve({ StatusCode: 3 })
    const [body] = (await once(socket, 'data')) as [Buffer]
    assert.ok(body.toString().includes('{"StatusCode":3}'))
    socket.destroy()
  })

  it('stops a stream whose client has left', async () => {
    const left = Promise.withResolvers<void>()
    await using engine = await serve({
      containers: {
        hasTty: () => Promise.resolve(false),
        logs: (_id, _options, sink, signal) => {
          sink.write(Buffer.concat([frameHeader('stdout', 2), Buffer.from('a\n')]))
          return new Promise((resolve) => {
            signal.addEventListener('abort', () => {
              left.resolve()
              resolve()
            })
          })
        },
      },
    })
    for await (const chunk of engine.client.containers.logs('a', { follow: true })) {
      assert.deepEqual(chunk, { stream: 'stdout', data: Buffer.from('a\n') })
      break
    }
    await left.promise
  })

  it('reads a log no faster than its client', async () => {
    let written = 0
    await using engine = await serve({
      containers: {
        hasTty: () => Promise.resolve(true),
        logs: async (_id, _options, sink, signal) => {
          while (!signal.aborted && written < 64 * 2 ** 20) {
            written += 2 ** 16
            if (!sink.write(Buffer.alloc(2 ** 16))) await Promise.race([once(sink, 'drain'), once(signal, 'abort')])
          }
        },
      },
    })
    const stream = engine.client.containers.logs('a', {})[Symbol.asyncIterator]()
    await stream.next()
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.ok(written < 8 * 2 ** 20, `${written} bytes were taken from the log for a client that read one chunk`)
    await stream.return?.(undefined)
  })

  it('gives events from now on, and earlier ones since a time, through filters', async () => {
    await using engine = await serve({})
    const publish = (Action: string, name: string): void =>
      engine.events.publish({
        Type: 'container',
        Action,
        Actor: { ID: name.repeat(8), Attributes: { name, image: 'i' } },
      })
    publish('create', 'a')
    const seen: string[] = []
    const abort = new AbortController()
    const events = engine.client.events({ filters: { container: ['a'] }, since: '1', abort: abort.signal })
    for await (const event of events) {
      seen.push(`${event.Action} ${event.status} ${event.from}`)
      if (seen.length === 1) {
        publish('start', 'b')
        publish('start', 'a')
      } else abort.abort()
    }
    assert.deepEqual(seen, ['create create i', 'start start i'])
  })

  it('tells a failed import as the last line of its progress', async () => {
    await using engine = await serve({
      images: {
        import: async (source: Readable, options, progress) => {
          progress({
            status: `read ${(await text(source)).length} bytes for ${options.reference} ${options.changes.join()}`,
          })
          throw new InvalidRequestError('not a tar', { hint: 'make one' })
        },
      },
    })
    const tar = new PassThrough()
    tar.write('12345')
    tar.end('67890')
    const seen: unknown[] = []
    await assert.rejects(
      async () => {
        for await (const line of engine.client.images.import(tar, {
          reference: 'r/x:1',
          changes: ['CMD a', 'ENV b=c'],
        }))
          seen.push(line)
      },
      { message: 'not a tar', code: 'INVALID_REQUEST', hint: 'make one' },
    )
    assert.deepEqual(seen, [{ status: 'read 10 bytes for r/x:1 CMD a,ENV b=c' }])
  })

  it('hands an exec over as a stream in both directions, with half-close', async () => {
    const input = new PassThrough()
    const ended = Promise.withResolvers<void>()
    const started: unknown[] = []
    await using engine = await serve({
      containers: {
        inspectExec: () => Promise.resolve({ DetachKeys: '' } as ExecInspect),
        startExec: (id, request) => {
          started.push([id, request])
          const session: StdioSession = {
            tty: false,
            input,
            onOutput(listener) {
              listener('stderr', Buffer.from('ready\n'))
              text(input).then((all) => {
                // after the client's end of file, output still arrives
                listener('stdout', Buffer.from(all.toUpperCase()))
                ended.resolve()
              }, ended.reject)
            },
            ended: ended.promise,
            hangUp() {},
            detach() {},
          }
          return Promise.resolve(session)
        },
      },
    })
    const session = await engine.client.containers.startExec('e', { tty: false })
    session.input.end('hello')
    const seen = []
    for await (const { stream, data } of session.output) seen.push(`${stream} ${data.toString()}`)
    assert.deepEqual(seen, ['stderr ready\n', 'stdout HELLO'])
    assert.deepEqual(started, [['e', { Detach: false, Tty: false }]])
  })

  it('keeps the status of an exec that could not be started', async () => {
    await using engine = await serve({
      containers: { startExec: () => Promise.reject(new ConflictError('container is paused')) },
    })
    await assert.rejects(engine.client.containers.startExec('e', { tty: false }), {
      constructor: ConflictError,
      message: 'container is paused',
    })
  })

  it('names what it does not do', async () => {
    await using engine = await serve({})
    for (const [request, status] of [
      ['GET /images/search?term=nginx', 501],
      ['GET /swarm', 503],
    ] as const)
      assert.match(
        await engine.raw(`${request} HTTP/1.1\r\nHost: d\r\n\r\n`),
        new RegExp(`^HTTP/1\\.1 ${status} `),
        request,
      )
  })

  it('asks the process to end after the answer', async () => {
    await using engine = await serve({})
    await engine.client.shutdown({ all: true })
    assert.deepEqual(engine.shutdowns, [{ all: true }])
  })
})
