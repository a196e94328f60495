/** Published IPv6 addresses that the kernel cannot translate: served by the engine itself. Checks talk to real sockets. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { createHarness, type Harness } from './network-harness.ts'

let harness: Harness
let lan: string

before(async () => {
  harness = await createHarness()
  await harness.service.recover([])
  lan = harness.lan()
  await harness.service.create({ Name: 'four' })
  await harness.service.create({ Name: 'other' })
  await harness.service.create({ Name: 'six', EnableIPv6: true })
})
after(() => harness.close())

const publish = (hostPort: string, hostIp = '') => ({ '80/tcp': [{ HostIp: hostIp, HostPort: hostPort }] })

test('a container with IPv4 only is reached at [::] too: from this host and from another machine', async () => {
  const web = await harness.open(1, { endpoints: { four: {} }, portBindings: publish('8080') })
  assert.deepEqual(web.ports, {
    '80/tcp': [
      { HostIp: '0.0.0.0', HostPort: '8080' },
      { HostIp: '::', HostPort: '8080' },
    ],
  })
  harness.serveTcp(web.netnsPath, 80, 'web')
  const gateway = web.endpoints['four']?.Gateway
  for (const address of ['::1', 'fd77::1', '127.0.0.1'])
    assert.equal(await harness.connect(undefined, address, 8080), `web from ${gateway}`, address)
  assert.equal(await harness.connect(lan, 'fd77::1', 8080), `web from ${gateway}`)
  await harness.service.closeSandbox(harness.idOf(1))
  for (const address of ['::1', 'fd77::1']) assert.equal(await harness.isShut(undefined, address, 8080), true)
})

test('[::1] is for this host alone, 127.0.0.1 says nothing about IPv6, and a container with IPv6 is reached at ::1', async () => {
  const one = await harness.open(2, { endpoints: { four: {} }, portBindings: publish('8081', '::1') })
  const two = await harness.open(3, { endpoints: { four: {} }, portBindings: publish('8082', '127.0.0.1') })
  const six = await harness.open(4, { endpoints: { six: {} }, portBindings: publish('8083') })
  for (const [sandbox, name] of [
    [one, 'one'],
    [two, 'two'],
    [six, 'six'],
  ] as const)
    harness.serveTcp(sandbox.netnsPath, 80, name, '::')
  harness.serveTcp(one.netnsPath, 80, 'one')
  assert.match((await harness.connect(undefined, '::1', 8081)) ?? '', /^one/)
  assert.equal(await harness.isShut(undefined, 'fd77::1', 8081), true)
  assert.equal(await harness.isShut(lan, 'fd77::1', 8081), true)
  assert.equal(await harness.isShut(undefined, '::1', 8082), true)
  assert.match((await harness.connect(undefined, '::1', 8083)) ?? '', /^six/)
  for (const n of [2, 3, 4]) await harness.service.closeSandbox(harness.idOf(n))
})

test('a megabyte each way, half-closed by the client, arrives whole', async () => {
  const web = await harness.open(5, { endpoints: { four: {} }, portBindings: publish('8084') })
  harness.echoTcp(web.netnsPath, 80)
  const sent = Buffer.alloc(1 << 20, 'mycompose ')
  const received: Buffer[] = []
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host: '::1', port: 8084, allowHalfOpen: true })
    socket.on('data', (chunk: Buffer) => received.push(chunk))
    socket.on('end', resolve)
    socket.on('error', reject)
    socket.end(sent)
  })
  assert.ok(Buffer.concat(received).equals(sent))
  await harness.service.closeSandbox(harness.idOf(5))
})

test('nobody listens inside: the client is told so, not left waiting', async () => {
  await harness.open(6, { endpoints: { four: {} }, portBindings: publish('8085') })
  assert.notEqual(await harness.connect(undefined, '::1', 8085), 'anything')
  const code = await new Promise((resolve) => {
    const socket = connect({ host: '::1', port: 8085 })
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
    socket.on('close', () => resolve('closed'))
    socket.resume()
  })
  assert.equal(code, 'ECONNRESET')
  await harness.service.closeSandbox(harness.idOf(6))
})

test('it follows the container to another network, and is there again after the engine was killed', async () => {
  const web = await harness.open(7, { endpoints: { four: {} }, portBindings: publish('8086') })
  harness.serveTcp(web.netnsPath, 80, 'web')
  await harness.service.connect('other', harness.idOf(7), {})
  await harness.service.disconnect('four', harness.idOf(7), false)
  const moved = harness.service.sandbox(harness.idOf(7))?.endpoints['other']?.Gateway
  assert.equal(await harness.connect(undefined, '::1', 8086), `web from ${moved}`)
  await harness.restart()
  await harness.service.recover([{ containerId: harness.idOf(7), pid: process.pid }])
  assert.equal(await harness.connect(undefined, '::1', 8086), `web from ${moved}`)
  // its first IPv6 address: from here on the kernel serves it, and the client is seen
  await harness.service.connect('six', harness.idOf(7), {})
  harness.serveTcp(web.netnsPath, 80, 'web', '::')
  assert.equal(await harness.connect(lan, 'fd77::1', 8086), 'web from fd77::2')
  await harness.service.closeSandbox(harness.idOf(7))
})

test('datagrams are not relayed: a wish for them is refused by name', async () => {
  await assert.rejects(
    harness.open(8, { endpoints: { four: {} }, portBindings: { '53/udp': [{ HostIp: '::', HostPort: '5353' }] } }),
    { code: 'INVALID_PORT', message: 'cannot publish [::]:5353/udp: the container has no IPv6 address' },
  )
  const dns = await harness.open(9, { endpoints: { four: {} }, portBindings: { '53/udp': [{ HostPort: '5353' }] } })
  assert.deepEqual(dns.ports, { '53/udp': [{ HostIp: '0.0.0.0', HostPort: '5353' }] })
  await harness.service.closeSandbox(harness.idOf(9))
})
