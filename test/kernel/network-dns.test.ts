/** The embedded resolver as a container sees it: real sockets inside its namespace, 127.0.0.11:53. */
import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { createServer, type Server } from 'node:net'
import { after, before, test } from 'node:test'
import { frame } from '../../src/network/dns/forward.ts'
import { createHarness, type Harness } from './network-harness.ts'

let harness: Harness
let upstream: Socket
let upstreamTcp: Server
const asked: string[] = []

const TYPES = { A: 1, MX: 15, PTR: 12, AAAA: 28, SRV: 33 } as const

function query(name: string, type: keyof typeof TYPES, id = 4660): Buffer {
  const labels = name.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)])
  const head = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  return Buffer.concat([head, ...labels, Buffer.from([0, 0, TYPES[type], 0, 1])])
}

interface Reply {
  readonly id: number
  readonly rcode: number
  readonly truncated: boolean
  readonly answers: readonly string[]
}

/** Reads what our own server writes and the fake upstream below: names in answers are pointers or plain labels. */
function parse(message: Buffer): Reply {
  let offset = 12
  const name = (): string => {
    const labels: string[] = []
    for (;;) {
      const length = message[offset] ?? 0
      if (length >= 0xc0) {
        offset += 2
        return labels.join('.')
      }
      offset += 1
      if (length === 0) return labels.join('.')
      labels.push(message.toString('latin1', offset, offset + length))
      offset += length
    }
  }
  name()
  offset += 4
  const answers: string[] = []
  for (let index = 0; index < message.readUInt16BE(6); index += 1) {
    name()
    const type = message.readUInt16BE(offset)
    const size = message.readUInt16BE(offset + 8)
    offset += 10
    if (type === TYPES.PTR) answers.push(name())
    else {
      answers.push([...message.subarray(offset, offset + size)].join('.'))
      offset += size
    }
  }
  const flags = message.readUInt16BE(2)
  return {
    id: message.readUInt16BE(0),
    rcode: flags & 15,
    truncated: (flags & 0x200) !== 0,
    answers: answers.toSorted(),
  }
}

/** From inside the container, over UDP. */
function ask(netnsPath: string, name: string, type: keyof typeof TYPES = 'A'): Promise<Reply> {
  const { netns } = harness.host
  const socket = createSocket('udp4')
  socket.bind({ fd: netns.inside(netnsPath, () => netns.bindUdp('0.0.0.0', 0)) })
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.close()
      reject(new Error(`no answer for ${name}`))
    }, 6000)
    socket.on('message', (message, from) => {
      clearTimeout(timer)
      socket.close()
      // the answer must come from where the question went
      assert.deepEqual([from.address, from.port], ['127.0.0.11', 53])
      resolve(parse(message))
    })
    socket.send(query(name, type), 53, '127.0.0.11')
  })
}

/** Likewise over TCP; `size` is that of the answer. */
async function askOverTcp(netnsPath: string, name: string, size: number): Promise<Reply> {
  const hex = [...frame(query(name, 'A'))].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
  const read = `timeout 5 head -c ${size + 2} <&3 | od -An -v -tu1`
  const out = await harness.run(netnsPath, 'bash', '-c', `exec 3<>/dev/tcp/127.0.0.11/53; printf '${hex}' >&3; ${read}`)
  return parse(Buffer.from(out.trim().split(/\s+/).map(Number)).subarray(2))
}

/** A server of another network of ours, as the host's own. */
function answerUpstream(message: Buffer): Buffer {
  const reply = Buffer.from(message)
  const name = message.toString('latin1', 13, 13 + (message[12] ?? 0))
  asked.push(name)
  reply.writeUInt16BE(name === 'nowhere' ? 0x8183 : name === 'big' ? 0x8380 : 0x8180, 2)
  if (name !== 'example') return reply
  reply.writeUInt16BE(1, 6)
  return Buffer.concat([reply, Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 51, 100, 7])])
}

before(async () => {
  harness = await createHarness()
  upstream = createSocket('udp4')
  upstream.on('message', (message, from) => upstream.send(answerUpstream(message), from.port, from.address))
  await new Promise<void>((resolve) => upstream.bind(53, '127.0.0.53', resolve))
  upstreamTcp = createServer((socket) =>
    socket.on('data', (chunk: Buffer) => {
      const reply = Buffer.from(chunk.subarray(2))
      reply.writeUInt16BE(0x8180, 2)
      const length = Buffer.alloc(2)
      length.writeUInt16BE(reply.length)
      socket.end(Buffer.concat([length, reply]))
    }),
  )
  await new Promise<void>((resolve) => upstreamTcp.listen(53, '127.0.0.53', resolve))
  harness.resolvConf = 'nameserver 127.0.0.53\n'
  await harness.service.recover([])
  await harness.service.create({ Name: 'app' })
  await harness.service.create({ Name: 'data' })
  await harness.service.create({ Name: 'closed', Internal: true })
})
after(async () => {
  upstream.close()
  upstreamTcp.close()
  await harness.close()
})

const octets = (sandbox: Awaited<ReturnType<Harness['open']>>, network: string): string =>
  sandbox.endpoints[network]?.IPAddress ?? ''

test('names: container, alias, short id, hostname, name.network; any case; all replicas', async () => {
  const one = await harness.open(1, { endpoints: { app: { Aliases: ['web'] } } })
  const two = await harness.open(2, { endpoints: { app: { Aliases: ['web'] }, data: { Aliases: ['store'] } } })
  const asker = await harness.open(3, { endpoints: { app: {} } })
  const first = [octets(one, 'app')]
  for (const name of ['c1', 'C1', harness.idOf(1).slice(0, 12), 'host1', 'c1.app'])
    assert.deepEqual((await ask(asker.netnsPath, name)).answers, first, name)
  assert.deepEqual((await ask(asker.netnsPath, 'web')).answers, [octets(one, 'app'), octets(two, 'app')].toSorted())
  // names of a network that the asker is not on
  assert.equal((await ask(asker.netnsPath, 'store')).answers.length, 0)
  // itself
  assert.deepEqual((await ask(two.netnsPath, 'store')).answers, [octets(two, 'data')])
  const reverse = `${octets(one, 'app').split('.').toReversed().join('.')}.in-addr.arpa`
  assert.deepEqual((await ask(asker.netnsPath, reverse, 'PTR')).answers, ['c1.app'])
})

test('a known name without an IPv6 address: an empty answer at once, not forwarded', async () => {
  asked.length = 0
  const asker = harness.service.sandbox(harness.idOf(3))
  assert.ok(asker)
  assert.deepEqual(await ask(asker.netnsPath, 'web', 'AAAA'), { id: 4660, rcode: 0, truncated: false, answers: [] })
  assert.deepEqual((await ask(asker.netnsPath, 'web', 'MX')).rcode, 0)
  assert.deepEqual(asked, [])
})

test('replicas that stop are no longer named; a renamed one has its new name', async () => {
  const asker = harness.service.sandbox(harness.idOf(3))
  assert.ok(asker)
  await harness.service.closeSandbox(harness.idOf(2))
  assert.equal((await ask(asker.netnsPath, 'web')).answers.length, 1)
  await harness.service.renameContainer(harness.idOf(1), 'renamed')
  assert.equal((await ask(asker.netnsPath, 'renamed')).answers.length, 1)
  assert.equal((await ask(asker.netnsPath, 'c1')).answers.length, 0)
})

test('other names go to the host’s servers, from the host; "no such name" is final', async () => {
  const asker = harness.service.sandbox(harness.idOf(3))
  assert.ok(asker)
  assert.deepEqual((await ask(asker.netnsPath, 'example.com')).answers, ['198.51.100.7'])
  assert.equal((await ask(asker.netnsPath, 'nowhere.example')).rcode, 3)
  assert.equal((await ask(asker.netnsPath, 'big.example')).truncated, true)
})

test('over TCP', async () => {
  const asker = harness.service.sandbox(harness.idOf(3))
  assert.ok(asker)
  // header, question, one A record
  assert.equal((await askOverTcp(asker.netnsPath, 'renamed', 41)).answers.length, 1)
})

test('a container of an internal network asks nobody else', async () => {
  asked.length = 0
  const sealed = await harness.open(4, { endpoints: { closed: { Aliases: ['sealed'] } } })
  assert.equal((await ask(sealed.netnsPath, 'sealed')).answers.length, 1)
  assert.equal((await ask(sealed.netnsPath, 'example.com')).rcode, 3)
  assert.deepEqual(asked, [])
})

test('servers of the user’s own are asked from inside the container', async () => {
  asked.length = 0
  const lan = harness.lan()
  const { netns } = harness.host
  const server = createSocket('udp4')
  const sources: string[] = []
  server.on('message', (message, from) => {
    sources.push(from.address)
    server.send(answerUpstream(message), from.port, from.address)
  })
  server.bind({ fd: netns.inside(lan, () => netns.bindUdp('0.0.0.0', 53)) })
  const asker = await harness.open(5, { endpoints: { app: {} }, dns: ['10.77.0.2'] })
  assert.deepEqual((await ask(asker.netnsPath, 'example.com')).answers, ['198.51.100.7'])
  assert.deepEqual(sources, ['10.77.0.1']) // masqueraded: it came through the container's way out
  const overTcp = createServer((socket) => {
    sources.push(`tcp ${socket.remoteAddress}`)
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => socket.end(frame(answerUpstream(chunk.subarray(2)))))
  })
  overTcp.listen({ fd: netns.inside(lan, () => netns.listenTcp('0.0.0.0', 53)) })
  assert.deepEqual((await askOverTcp(asker.netnsPath, 'example.com', 45)).answers, ['198.51.100.7'])
  assert.deepEqual(sources, ['10.77.0.1', 'tcp 10.77.0.1'])
  overTcp.close()
  const sealed = await harness.open(6, { endpoints: { closed: {} }, dns: ['10.77.0.2'] })
  assert.equal((await ask(sealed.netnsPath, 'example.com')).rcode, 2)
  assert.equal(sources.length, 2)
  server.close()
})

test('the container may itself listen on port 53', async () => {
  const sandbox = await harness.open(7, { endpoints: { app: {} } })
  harness.serveUdp(sandbox.netnsPath, 53, 'own')
  harness.serveTcp(sandbox.netnsPath, 53, 'own')
  assert.equal((await ask(sandbox.netnsPath, 'renamed')).answers.length, 1)
})

test('after a restart of the engine it answers again, under the same address', async () => {
  await harness.restart()
  await harness.service.recover([1, 3, 4, 5, 6, 7].map((n) => ({ containerId: harness.idOf(n), pid: process.pid })))
  const asker = harness.service.sandbox(harness.idOf(3))
  assert.ok(asker)
  assert.equal((await ask(asker.netnsPath, 'renamed')).answers.length, 1)
})

test('links give the asker names of its own', async () => {
  const linked = await harness.open(8, { endpoints: { app: { Links: ['renamed:backend'] } } })
  assert.equal((await ask(linked.netnsPath, 'backend')).answers.length, 1)
  const asker = harness.service.sandbox(harness.idOf(3))
  assert.ok(asker)
  assert.equal((await ask(asker.netnsPath, 'backend')).answers.length, 0)
})

test('more addresses than a plain datagram holds: truncated over UDP, whole over TCP', async () => {
  await harness.service.create({ Name: 'many' })
  const count = 40
  for (let n = 100; n < 100 + count; n += 1) await harness.open(n, { endpoints: { many: { Aliases: ['crowd'] } } })
  const asker = harness.service.sandbox(harness.idOf(100))
  assert.ok(asker)
  const plain = await ask(asker.netnsPath, 'crowd')
  assert.equal(plain.truncated, true)
  const message = query('crowd', 'A')
  const hex = [0, message.length, ...message].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
  const script = `exec 3<>/dev/tcp/127.0.0.11/53; printf '${hex}' >&3; timeout 1 cat <&3 | od -An -v -tu1`
  const out = await harness.run(asker.netnsPath, 'bash', '-c', script)
  const bytes = Buffer.from(out.trim().split(/\s+/).map(Number))
  assert.equal(new Set(parse(bytes.subarray(2)).answers).size, count)
  for (let n = 100; n < 100 + count; n += 1) await harness.service.closeSandbox(harness.idOf(n))
})

test('a server that does not answer costs one time-out, then the next one is asked first; types we do not know go out', async () => {
  harness.resolvConf = 'nameserver 127.0.0.99\nnameserver 127.0.0.53\n'
  const silent = createSocket('udp4')
  await new Promise<void>((resolve) => silent.bind(53, '127.0.0.99', resolve))
  const asker = harness.service.sandbox(harness.idOf(3))
  assert.ok(asker)
  await new Promise((resolve) => setTimeout(resolve, 2100)) // resolv.conf is read again after two seconds
  assert.deepEqual((await ask(asker.netnsPath, 'example.com')).answers, ['198.51.100.7'])
  const startedMs = performance.now()
  for (let round = 0; round < 20; round += 1) await ask(asker.netnsPath, 'example.com')
  assert.ok(performance.now() - startedMs < 2000, 'the silent server is not asked each time')
  asked.length = 0
  await ask(asker.netnsPath, 'example.com', 'SRV')
  assert.deepEqual(asked, ['example'])
  silent.close()
})
