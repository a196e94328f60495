/** Forwarding against servers that time out, fail, lie or are not there. */
import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { after, test } from 'node:test'
import { createForwarder } from '../../../../src/network/dns/forward.ts'
import {
  decodeQuery,
  encodeName,
  encodeReply,
  rcodeOf,
  withId,
  type Query,
} from '../../../../src/network/dns/message.ts'

const sockets: Socket[] = []
after(() => {
  for (const socket of sockets) socket.close()
})

const name = encodeName('www.example')
assert.ok(name)
const MESSAGE = Buffer.concat([
  Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
  name,
  Buffer.from([0, 1, 0, 1]),
])
const decoded = decodeQuery(MESSAGE)
assert.ok(decoded.kind === 'query')
const QUERY: Query = decoded.query

/** Servers at 127.0.2.1, .2, .3 with one port. A behaviour gives the replies to send. */
async function servers(...behaviours: ((query: Query) => Buffer[])[]): Promise<{ port: number; asked: number[] }> {
  const asked = behaviours.map(() => 0)
  let port = 0
  for (const [index, behave] of behaviours.entries()) {
    const socket = createSocket('udp4')
    sockets.push(socket)
    socket.on('message', (message, from) => {
      asked[index] = (asked[index] ?? 0) + 1
      const read = decodeQuery(message)
      if (read.kind === 'query') for (const reply of behave(read.query)) socket.send(reply, from.port, from.address)
    })
    await new Promise<void>((resolve) => socket.bind(port, `127.0.2.${index + 1}`, resolve))
    port = socket.address().port
  }
  return { port, asked }
}

const reply = (rcode: number) => (query: Query) => [encodeReply(query, { rcode, maxBytes: 512 })]
const silent = (): Buffer[] => []
const route = (count: number) => ({ servers: Array.from({ length: count }, (_, index) => `127.0.2.${index + 1}`) })

test('the next server after a time-out or a failure; the client gets its own id back', async () => {
  const { port, asked } = await servers(silent, reply(2), reply(0))
  const forwarder = createForwarder({ nowMs: Date.now, port, timeoutMs: 80 })
  const answer = await forwarder.ask(MESSAGE, QUERY, route(3), 'udp')
  assert.ok(answer)
  assert.equal(answer.readUInt16BE(0), 0x1234)
  assert.equal(rcodeOf(answer), 0)
  assert.deepEqual(asked, [1, 1, 1])
  // the silent one is asked last from now on
  await forwarder.ask(MESSAGE, QUERY, route(3), 'udp')
  assert.equal(asked[0], 1)
})

test('"no such name" is final', async () => {
  const { port, asked } = await servers(reply(3), reply(0))
  const answer = await createForwarder({ nowMs: Date.now, port }).ask(MESSAGE, QUERY, route(2), 'udp')
  assert.ok(answer)
  assert.equal(rcodeOf(answer), 3)
  assert.deepEqual(asked, [1, 0])
})

test('a reply with the wrong id or question is not taken', async () => {
  const { port } = await servers((query) => [
    withId(encodeReply(query, { rcode: 0, maxBytes: 512 }), query.id ^ 1),
    encodeReply({ ...query, questionBytes: Buffer.from([1, 0x78, 0, 0, 1, 0, 1]) }, { rcode: 0, maxBytes: 512 }),
    encodeReply(query, { rcode: 3, maxBytes: 512 }),
  ])
  const answer = await createForwarder({ nowMs: Date.now, port }).ask(MESSAGE, QUERY, route(1), 'udp')
  assert.ok(answer)
  assert.equal(rcodeOf(answer), 3)
})

test('nobody there: at once when the port is closed, nothing when all keep silent', async () => {
  const { port } = await servers(silent)
  const forwarder = createForwarder({ nowMs: Date.now, port, timeoutMs: 50 })
  assert.equal(await forwarder.ask(MESSAGE, QUERY, route(1), 'udp'), undefined)
  const startMs = Date.now()
  const slow = createForwarder({ nowMs: Date.now, port, timeoutMs: 4000 })
  assert.equal(await slow.ask(MESSAGE, QUERY, { servers: ['127.0.2.9'] }, 'udp'), undefined)
  assert.equal(await slow.ask(MESSAGE, QUERY, { servers: ['127.0.2.9'] }, 'tcp'), undefined)
  assert.ok(Date.now() - startMs < 1000)
  assert.equal(await slow.ask(MESSAGE, QUERY, { servers: [] }, 'udp'), undefined)
})

test('close ends what is under way', async () => {
  const { port } = await servers(silent)
  const forwarder = createForwarder({ nowMs: Date.now, port, timeoutMs: 60_000 })
  const pending = forwarder.ask(MESSAGE, QUERY, route(1), 'udp')
  forwarder.close()
  assert.equal(await pending, undefined)
})
