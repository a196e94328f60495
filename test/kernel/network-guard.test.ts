/**
 * What must not get through although somebody tries: containers with raw powers, neighbours with routes of their own,
 * rules of other programs. And the same over IPv6. Each rule of the table has a test here or in network*.test.ts that
 * fails without it.
 */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { createServer, type Server } from 'node:net'
import { after, before, test } from 'node:test'
import type { Sandbox } from '../../src/engine/services/index.ts'
import { loadLibc } from '../../src/host/libc.ts'
import { createHarness, type Harness } from './network-harness.ts'

const libc = loadLibc()

let harness: Harness
let lan: string
const servers: Server[] = []

before(async () => {
  harness = await createHarness()
  await harness.service.recover([])
  lan = harness.lan()
  await harness.service.create({ Name: 'app' })
  await harness.service.create({ Name: 'closed', Internal: true })
  await harness.service.create({ Name: 'six', EnableIPv6: true })
})
after(async () => {
  for (const server of servers) server.close()
  await harness.close()
})

const addressOn = (sandbox: Sandbox, network: string): string => sandbox.endpoints[network]?.IPAddress ?? ''

/** A program of the host. */
async function hostListens(address: string, port: number): Promise<void> {
  const server = createServer((socket) => socket.end('host\n'))
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(port, address, resolve))
}

test('a container cannot reach what listens on the host’s loopback, whatever routes it makes (CVE-2020-8558)', async () => {
  await hostListens('127.0.0.1', 6379)
  assert.equal(await harness.connect(undefined, '127.0.0.1', 6379), 'host')
  const evil = await harness.open(1, { endpoints: { app: {} } })
  const gateway = evil.endpoints['app']?.Gateway ?? ''
  harness.host.netns.inside(evil.netnsPath, () =>
    harness.host.files.writeTextSync('/proc/sys/net/ipv4/conf/all/route_localnet', '1'),
  )
  for (const local of ['127.0.0.0/8', '127.0.0.1'])
    await harness.run(evil.netnsPath, 'ip', 'route', 'del', 'local', local, 'dev', 'lo', 'table', 'local')
  await harness.run(evil.netnsPath, 'ip', 'route', 'add', '127.0.0.1', 'via', gateway, 'src', addressOn(evil, 'app'))
  const received: string[] = []
  const socket = createSocket('udp4')
  socket.on('message', (message) => received.push(message.toString().trim()))
  await new Promise<void>((resolve) => socket.bind(6379, '127.0.0.1', resolve))
  await harness.run(evil.netnsPath, 'bash', '-c', 'echo intruder > /dev/udp/127.0.0.1/6379')
  assert.equal(await harness.isShut(evil.netnsPath, '127.0.0.1', 6379), true)
  assert.deepEqual(received, [])
  socket.close()
  await harness.service.closeSandbox(harness.idOf(1))
})

test('what listens at a gateway’s address is there for the host and its containers, not for neighbours', async () => {
  const sandbox = await harness.open(2, { endpoints: { app: {} } })
  const gateway = sandbox.endpoints['app']?.Gateway ?? ''
  await hostListens(gateway, 7000)
  assert.equal(await harness.connect(undefined, gateway, 7000), 'host')
  assert.equal(await harness.connect(sandbox.netnsPath, gateway, 7000), 'host')
  assert.equal(await harness.isShut(lan, gateway, 7000), true)
  await harness.service.closeSandbox(harness.idOf(2))
})

test('not one packet leaves an internal network', async () => {
  const received: string[] = []
  const socket = createSocket('udp4')
  socket.on('message', (message, from) => received.push(`${from.address} ${message.toString().trim()}`))
  socket.bind({ fd: harness.host.netns.inside(lan, () => harness.host.netns.bindUdp('0.0.0.0', 9)) })
  const sealed = await harness.open(3, { endpoints: { closed: {} } })
  const open = await harness.open(4, { endpoints: { app: {} } })
  const { IPAM } = await harness.service.inspect('closed')
  await harness.run(sealed.netnsPath, 'ip', 'route', 'add', 'default', 'via', IPAM.Config?.[0]?.Gateway ?? '')
  await harness.run(sealed.netnsPath, 'bash', '-c', 'echo sealed > /dev/udp/10.77.0.2/9')
  await harness.run(open.netnsPath, 'bash', '-c', 'echo open > /dev/udp/10.77.0.2/9')
  const deadline = Date.now() + 2000
  while (received.length === 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.deepEqual(received, ['10.77.0.1 open'])
  socket.close()
  for (const n of [3, 4]) await harness.service.closeSandbox(harness.idOf(n))
})

test('an internal network stays closed when another program redirects into it', async () => {
  const sealed = await harness.open(5, { endpoints: { closed: {} } })
  const open = await harness.open(6, { endpoints: { app: {} } })
  harness.serveTcp(sealed.netnsPath, 80, 'sealed')
  harness.serveTcp(open.netnsPath, 80, 'open')
  const { IPAM } = await harness.service.inspect('closed')
  await harness.run(sealed.netnsPath, 'ip', 'route', 'add', 'default', 'via', IPAM.Config?.[0]?.Gateway ?? '')
  await harness.host.nft.apply(`table ip foreign {
    chain prerouting {
      type nat hook prerouting priority -110;
      iifname "wan0" tcp dport 7777 dnat to ${addressOn(sealed, 'closed')}:80
      iifname "wan0" udp dport 7777 dnat to ${addressOn(sealed, 'closed')}:80
      iifname "wan0" tcp dport 7778 dnat to ${addressOn(open, 'app')}:80
    }
  }
  `)
  const received: string[] = []
  const socket = createSocket('udp4')
  socket.on('message', (message) => received.push(message.toString().trim()))
  socket.bind({ fd: harness.host.netns.inside(sealed.netnsPath, () => harness.host.netns.bindUdp('0.0.0.0', 80)) })
  await harness.run(lan, 'bash', '-c', 'echo intruder > /dev/udp/10.77.0.1/7777')
  assert.equal(await harness.isShut(lan, '10.77.0.1', 7777), true)
  assert.deepEqual(received, [])
  socket.close()
  assert.equal(await harness.connect(lan, '10.77.0.1', 7778), 'open from 10.77.0.2')
  await harness.host.nft.apply('delete table ip foreign')
  for (const n of [5, 6]) await harness.service.closeSandbox(harness.idOf(n))
})

test('gateway mode nat-unprotected: neighbours may use container addresses, other networks may not', async () => {
  await harness.service.create({
    Name: 'routed',
    Options: { 'com.docker.network.bridge.gateway_mode_ipv4': 'nat-unprotected' },
  })
  const sandbox = await harness.open(7, { endpoints: { routed: {} } })
  const other = await harness.open(8, { endpoints: { app: {} } })
  harness.serveTcp(sandbox.netnsPath, 80, 'routed')
  assert.equal(await harness.connect(lan, addressOn(sandbox, 'routed'), 80), 'routed from 10.77.0.2')
  assert.equal(await harness.isShut(other.netnsPath, addressOn(sandbox, 'routed'), 80), true)
  for (const n of [7, 8]) await harness.service.closeSandbox(harness.idOf(n))
})

test('without masquerade a container is seen by its own address, and answered', async () => {
  await harness.service.create({
    Name: 'plain',
    Options: { 'com.docker.network.bridge.enable_ip_masquerade': 'false' },
  })
  const sandbox = await harness.open(9, { endpoints: { plain: {} } })
  harness.serveTcp(lan, 8000, 'lan')
  assert.equal(await harness.connect(sandbox.netnsPath, '10.77.0.2', 8000), `lan from ${addressOn(sandbox, 'plain')}`)
  await harness.service.closeSandbox(harness.idOf(9))
})

test('IPv6: published at all addresses and at one, hairpin, masquerade, and no way in beside', async () => {
  const web = await harness.open(10, {
    endpoints: { six: {} },
    portBindings: { '80/tcp': [{ HostPort: '8080' }], '81/tcp': [{ HostIp: 'fd77::1', HostPort: '8081' }] },
  })
  const address = web.endpoints['six']?.GlobalIPv6Address ?? ''
  assert.match(address, /^fd/)
  assert.deepEqual(web.ports, {
    '80/tcp': [
      { HostIp: '0.0.0.0', HostPort: '8080' },
      { HostIp: '::', HostPort: '8080' },
    ],
    '81/tcp': [{ HostIp: 'fd77::1', HostPort: '8081' }],
  })
  harness.serveTcp(web.netnsPath, 80, 'web', '::')
  harness.serveTcp(web.netnsPath, 81, 'one', '::')
  assert.equal(await harness.connect(lan, 'fd77::1', 8080), 'web from fd77::2')
  assert.equal(await harness.connect(lan, 'fd77::1', 8081), 'one from fd77::2')
  assert.match((await harness.connect(undefined, 'fd77::1', 8080)) ?? '', /^web from/)
  assert.match((await harness.connect(web.netnsPath, 'fd77::1', 8080)) ?? '', /^web from/)
  assert.equal(await harness.isShut(lan, address, 80), true)
  harness.serveTcp(lan, 8600, 'lan', '::')
  assert.equal(await harness.connect(web.netnsPath, 'fd77::2', 8600), 'lan from fd77::1')
  const gateway = web.endpoints['six']?.IPv6Gateway ?? ''
  await hostListens(gateway, 7600)
  assert.equal(await harness.connect(undefined, gateway, 7600), 'host')
  assert.equal(await harness.isShut(lan, gateway, 7600), true)
  await harness.service.closeSandbox(harness.idOf(10))
})

test('gateway mode routed: published ports at the container’s own address, nothing else, and no translation', async () => {
  const modes = {
    'com.docker.network.bridge.gateway_mode_ipv4': 'routed',
    'com.docker.network.bridge.gateway_mode_ipv6': 'routed',
  }
  await harness.service.create({ Name: 'straight', EnableIPv6: true, Options: modes })
  const web = await harness.open(11, {
    endpoints: { straight: {} },
    portBindings: { '80/tcp': [{ HostPort: '8090' }] },
  })
  const other = await harness.open(12, { endpoints: { app: {} } })
  const { IPAddress: four = '', GlobalIPv6Address: six = '' } = web.endpoints['straight'] ?? {}
  assert.deepEqual(web.ports, {
    '80/tcp': [
      { HostIp: '0.0.0.0', HostPort: '' },
      { HostIp: '::', HostPort: '' },
    ],
  })
  for (const port of [80, 81]) {
    harness.serveTcp(web.netnsPath, port, 'web')
    harness.serveTcp(web.netnsPath, port, 'web', '::')
  }
  assert.equal(await harness.connect(lan, four, 80), 'web from 10.77.0.2')
  assert.equal(await harness.connect(lan, six, 80), 'web from fd77::2')
  assert.equal(await harness.connect(other.netnsPath, four, 80), `web from ${addressOn(other, 'app')}`)
  assert.match((await harness.connect(undefined, four, 81)) ?? '', /^web/)
  assert.equal(await harness.isShut(lan, four, 81), true)
  assert.equal(await harness.isShut(lan, six, 81), true)
  assert.equal(await harness.isShut(other.netnsPath, four, 81), true)
  assert.equal(await harness.isShut(undefined, '127.0.0.1', 8090), true)
  assert.match(await harness.run(lan, 'busybox', 'ping', '-c1', '-W1', four), /1 packets received/)
  harness.serveTcp(lan, 8100, 'lan')
  assert.equal(await harness.connect(web.netnsPath, '10.77.0.2', 8100), `lan from ${four}`)
  for (const n of [11, 12]) await harness.service.closeSandbox(harness.idOf(n))
})

test('trusted interfaces: their neighbours use published ports at the container’s own address; loopback ones stay home', async () => {
  await harness.service.create({
    Name: 'trusting',
    Options: { 'com.docker.network.bridge.trusted_host_interfaces': 'wan0' },
  })
  const web = await harness.open(13, {
    endpoints: { trusting: {} },
    portBindings: { '80/tcp': [{ HostPort: '8091' }], '81/tcp': [{ HostIp: '127.0.0.1', HostPort: '8092' }] },
  })
  for (const port of [80, 81, 82]) harness.serveTcp(web.netnsPath, port, 'web')
  const address = addressOn(web, 'trusting')
  assert.equal(await harness.connect(lan, address, 80), 'web from 10.77.0.2')
  assert.equal(await harness.connect(lan, '10.77.0.1', 8091), 'web from 10.77.0.2')
  for (const port of [81, 82]) assert.equal(await harness.isShut(lan, address, port), true)
  await harness.service.closeSandbox(harness.idOf(13))
})

test('gateway mode isolated: the host has no address there, its containers still have each other', async () => {
  const modes = { 'com.docker.network.bridge.gateway_mode_ipv4': 'isolated' }
  await assert.rejects(harness.service.create({ Name: 'island', Options: modes }), { code: 'INVALID_NETWORK_OPTION' })
  await harness.service.create({ Name: 'island', Internal: true, Options: modes })
  const one = await harness.open(14, { endpoints: { island: {} } })
  const two = await harness.open(15, { endpoints: { island: {} } })
  const { IPAM } = await harness.service.inspect('island')
  const gateway = IPAM.Config?.[0]?.Gateway ?? ''
  assert.ok(!harness.host.links.addresses().some(({ address }) => address.startsWith(`${gateway}/`)))
  harness.serveTcp(one.netnsPath, 80, 'one')
  assert.equal(
    await harness.connect(two.netnsPath, addressOn(one, 'island'), 80),
    `one from ${addressOn(two, 'island')}`,
  )
  for (const n of [14, 15]) await harness.service.closeSandbox(harness.idOf(n))
})

test('a container cannot speak under an address that is not of its network', async () => {
  const received: string[] = []
  const socket = createSocket('udp4').unref()
  socket.on('message', (message, from) => received.push(`${from.address} ${message.toString().trim()}`))
  socket.bind({ fd: harness.host.netns.inside(lan, () => harness.host.netns.bindUdp('0.0.0.0', 9)) })
  const liar = await harness.open(16, { endpoints: { app: {} } })
  const victim = await harness.open(17, { endpoints: { six: {} } })
  // a neighbour's address, a container's of another network
  for (const address of ['10.77.0.99', addressOn(victim, 'six')]) {
    await harness.run(liar.netnsPath, 'ip', 'addr', 'add', `${address}/32`, 'dev', 'lo')
    harness.host.netns.inside(liar.netnsPath, () => {
      const fd = harness.host.netns.bindUdp(address, 0)
      const forged = createSocket('udp4')
      forged.bind({ fd })
      forged.send('forged', 9, '10.77.0.2', () => forged.close())
    })
  }
  await harness.run(liar.netnsPath, 'bash', '-c', 'echo honest > /dev/udp/10.77.0.2/9')
  const deadline = Date.now() + 2000
  while (received.length === 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.deepEqual(received, ['10.77.0.1 honest'])
  socket.close()
  for (const n of [16, 17]) await harness.service.closeSandbox(harness.idOf(n))
})

test('nor under an IPv6 address that is not of its network', async () => {
  const received: string[] = []
  const socket = createSocket('udp6').unref()
  socket.on('message', (message, from) => received.push(`${from.address} ${message.toString().trim()}`))
  socket.bind({ fd: harness.host.netns.inside(lan, () => harness.host.netns.bindUdp('::', 9)) })
  const liar = await harness.open(22, { endpoints: { six: {} } })
  const send = (address: string, word: string): void =>
    harness.host.netns.inside(liar.netnsPath, () => {
      const from = createSocket('udp6')
      from.bind({ fd: harness.host.netns.bindUdp(address, 0) })
      from.send(word, 9, 'fd77::2', () => from.close())
    })
  for (const address of ['fd77::99', 'fd99::1']) {
    await harness.run(liar.netnsPath, 'ip', 'addr', 'add', `${address}/128`, 'dev', 'lo')
    send(address, 'forged')
  }
  send(liar.endpoints['six']?.GlobalIPv6Address ?? '', 'honest')
  const deadline = Date.now() + 5000
  while (received.length === 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.deepEqual(received, ['fd77::1 honest'])
  socket.close()
  await harness.service.closeSandbox(harness.idOf(22))
})

test('router advertisements of a container change nothing on the host or at its neighbours (CVE-2020-13401)', async () => {
  const router = await harness.open(18, { endpoints: { six: {} } })
  const neighbour = await harness.open(19, { endpoints: { six: {} } })
  const four = await harness.open(20, { endpoints: { app: {} } })
  const rogue = await harness.open(21, { endpoints: { app: {} } })
  // a host that is a router ignores them anyway: what counts here is the bridges' own setting
  harness.host.files.writeTextSync('/proc/sys/net/ipv6/conf/all/forwarding', '0')
  const state = async (path: string | undefined): Promise<string> =>
    (await harness.run(path, 'ip', '-6', 'route')) + (await harness.run(path, 'ip', '-6', '-o', 'addr'))
  const watched = [undefined, neighbour.netnsPath, four.netnsPath]
  // a container with raw powers gives itself IPv6 on the IPv4 network too
  await harness.run(rogue.netnsPath, 'bash', '-c', 'echo 0 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6')
  for (const { netnsPath } of [router, rogue]) {
    // its link-local address needs a moment
    const deadline = Date.now() + 5000
    while (sendAdvertisement(netnsPath) !== ADVERTISEMENT.length) {
      assert.ok(Date.now() < deadline, 'the advertisement can be sent')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  // proof that it is one: an interface that listens to routers takes it
  await harness.run(neighbour.netnsPath, 'bash', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/eth0/accept_ra')
  sendAdvertisement(router.netnsPath)
  const deadline = Date.now() + 5000
  while (!(await state(neighbour.netnsPath)).includes('fdbb:') && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 20))
  const [host, listening, ipv4Only] = await Promise.all(watched.map(state))
  assert.match(listening ?? '', /fdbb:/)
  for (const untouched of [host, ipv4Only]) assert.doesNotMatch(untouched ?? '', /fdbb:|proto ra/)
  for (const n of [18, 19, 20, 21]) await harness.service.closeSandbox(harness.idOf(n))
})

/** RFC 4861 4.2: a router for 30 minutes, with the prefix fdbb::/64 for addresses of one's own. */
const ADVERTISEMENT = Buffer.from(
  '86000000' +
    '40000708' +
    '00000000' +
    '00000000' +
    '030440c0' +
    '00000708' +
    '00000708' +
    '00000000' +
    'fdbb0000' +
    '00000000' +
    '00000000' +
    '00000000',
  'hex',
)

/** To all nodes at ff02::1 by the container's eth0, hop limit 255. Returns the bytes sent. */
function sendAdvertisement(netnsPath: string): number {
  const { netns, links } = harness.host
  return netns.inside(netnsPath, () => {
    const fd = Number(libc.func('int socket(int domain, int type, int protocol)')(10, 3, 58))
    const setOption = libc.func('int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t size)')
    setOption(fd, 41, 18, Buffer.from([255, 0, 0, 0]), 4)
    const target = Buffer.alloc(28)
    target.writeUInt16LE(10, 0)
    Buffer.from('ff020000000000000000000000000001', 'hex').copy(target, 8)
    target.writeUInt32LE(links.find('eth0')?.index ?? 0, 24)
    const sendTo = libc.func(
      'long sendto(int fd, const uint8_t *bytes, size_t size, int flags, const uint8_t *to, uint32_t toSize)',
    )
    const sent = Number(sendTo(fd, ADVERTISEMENT, ADVERTISEMENT.length, 0, target, target.length))
    netns.close(fd)
    return sent
  })
}
