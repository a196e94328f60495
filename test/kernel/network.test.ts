/** Containers on networks, with real packets: who reaches whom, and who must not. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { createHarness, type Harness } from './network-harness.ts'

let harness: Harness
let lan: string

before(async () => {
  harness = await createHarness()
  await harness.service.recover([])
  lan = harness.lan()
})
after(() => harness.close())

const addressOn = (sandbox: Awaited<ReturnType<Harness['open']>>, network: string): string =>
  sandbox.endpoints[network]?.IPAddress ?? ''

test('containers of one network reach each other, of two networks do not', async () => {
  await harness.service.create({ Name: 'red' })
  await harness.service.create({ Name: 'blue' })
  const one = await harness.open(1, { endpoints: { red: {} } })
  const two = await harness.open(2, { endpoints: { red: {} } })
  const other = await harness.open(3, { endpoints: { blue: {} } })
  const both = await harness.open(4, { endpoints: { red: {}, blue: {} } })
  for (const [sandbox, name] of [
    [one, 'one'],
    [other, 'other'],
    [both, 'both'],
  ] as const)
    harness.serveTcp(sandbox.netnsPath, 80, name)
  assert.equal(await harness.connect(two.netnsPath, addressOn(one, 'red'), 80), `one from ${addressOn(two, 'red')}`)
  assert.equal(await harness.isShut(two.netnsPath, addressOn(other, 'blue'), 80), true)
  assert.equal(await harness.isShut(other.netnsPath, addressOn(one, 'red'), 80), true)
  // on both networks, reached on each by its address there, not across
  assert.equal(await harness.connect(two.netnsPath, addressOn(both, 'red'), 80), `both from ${addressOn(two, 'red')}`)
  assert.equal(await harness.isShut(two.netnsPath, addressOn(both, 'blue'), 80), true)
  for (const n of [1, 2, 3, 4]) await harness.service.closeSandbox(harness.idOf(n))
})

test('a container has its addresses, its default route, and no IPv6 on an IPv4 network', async () => {
  const sandbox = await harness.open(5, { endpoints: { red: { MacAddress: '02:00:00:00:00:05' }, blue: {} } })
  const links = JSON.parse(await harness.run(sandbox.netnsPath, 'ip', '-j', 'addr')) as {
    ifname: string
    address: string
    operstate: string
    addr_info: { family: string; local: string; prefixlen: number }[]
  }[]
  assert.deepEqual(
    links.map((link) => [link.ifname, ...link.addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`)]),
    [
      ['lo', '127.0.0.1/8', '::1/128'],
      ['eth0', `${addressOn(sandbox, 'red')}/24`],
      ['eth1', `${addressOn(sandbox, 'blue')}/24`],
    ],
  )
  assert.equal(links[1]?.address, '02:00:00:00:00:05')
  const routes = JSON.parse(await harness.run(sandbox.netnsPath, 'ip', '-j', 'route')) as {
    dst: string
    gateway?: string
  }[]
  const wanted = await harness.service.inspect('blue') // no priorities: the first by name
  assert.equal(routes.find((route) => route.dst === 'default')?.gateway, wanted.IPAM.Config?.[0]?.Gateway)
  await harness.service.closeSandbox(harness.idOf(5))
})

test('bridges and containers listen to no router (CVE-2020-13401)', async () => {
  const sandbox = await harness.open(20, { endpoints: { red: {} } })
  const { Id } = await harness.service.inspect('red')
  const bridge = `${harness.base.config.bridgePrefix}${Id.slice(0, 8)}`
  assert.equal(readFileSync(`/proc/sys/net/ipv6/conf/${bridge}/accept_ra`, 'utf8'), '0\n')
  const disabled = await harness.run(sandbox.netnsPath, 'cat', '/proc/sys/net/ipv6/conf/eth0/disable_ipv6')
  assert.equal(disabled, '1\n', 'no IPv6 at all where the network has none')
  await harness.service.closeSandbox(harness.idOf(20))
})

test('gw_priority picks the way out', async () => {
  const sandbox = await harness.open(6, { endpoints: { blue: {}, red: { GwPriority: 1 } } })
  const routes = await harness.run(sandbox.netnsPath, 'ip', 'route')
  assert.match(routes, new RegExp(`default via ${sandbox.endpoints['red']?.Gateway} dev eth1`))
  await harness.service.closeSandbox(harness.idOf(6))
})

test('outwards through masquerade; not from an internal network, nor into it', async () => {
  await harness.service.create({ Name: 'closed', Internal: true })
  harness.serveTcp(lan, 8000, 'lan')
  const open = await harness.open(7, { endpoints: { red: {} } })
  const closed = await harness.open(8, { endpoints: { closed: {} } })
  const neighbour = await harness.open(9, { endpoints: { closed: {} } })
  harness.serveTcp(closed.netnsPath, 80, 'closed')
  assert.equal(await harness.connect(open.netnsPath, '10.77.0.2', 8000), 'lan from 10.77.0.1')
  assert.equal(await harness.isShut(closed.netnsPath, '10.77.0.2', 8000), true)
  // even with a route of its own making
  await harness.run(
    closed.netnsPath,
    'ip',
    'route',
    'add',
    'default',
    'via',
    gatewayOf(await harness.service.inspect('closed')),
  )
  assert.equal(await harness.isShut(closed.netnsPath, '10.77.0.2', 8000), true)
  assert.equal(await harness.isShut(open.netnsPath, addressOn(closed, 'closed'), 80), true)
  assert.equal(
    await harness.connect(neighbour.netnsPath, addressOn(closed, 'closed'), 80),
    `closed from ${addressOn(neighbour, 'closed')}`,
  )
  for (const n of [7, 8, 9]) await harness.service.closeSandbox(harness.idOf(n))
})

function gatewayOf(network: Awaited<ReturnType<Harness['service']['inspect']>>): string {
  return network.IPAM.Config?.[0]?.Gateway ?? ''
}

test('containers that may not talk to each other (enable_icc=false)', async () => {
  await harness.service.create({ Name: 'mute', Options: { 'com.docker.network.bridge.enable_icc': 'false' } })
  const one = await harness.open(10, { endpoints: { mute: {} } })
  const two = await harness.open(11, { endpoints: { mute: {} } })
  harness.serveTcp(one.netnsPath, 80, 'one')
  assert.equal(await harness.isShut(two.netnsPath, addressOn(one, 'mute'), 80), true)
  assert.match((await harness.connect(undefined, addressOn(one, 'mute'), 80)) ?? '', /^one from/)
  for (const n of [10, 11]) await harness.service.closeSandbox(harness.idOf(n))
})

test('network none: loopback only, no resolver', async () => {
  const sandbox = await harness.open(12, { endpoints: { none: {} } })
  const links = JSON.parse(await harness.run(sandbox.netnsPath, 'ip', '-j', 'link')) as {
    ifname: string
    flags: string[]
  }[]
  assert.deepEqual(
    links.map(({ ifname }) => ifname),
    ['lo'],
  )
  assert.ok(links[0]?.flags.includes('UP'))
  assert.equal(sandbox.embeddedDns, false)
  await harness.service.closeSandbox(harness.idOf(12))
})

test('a container is plugged into a network and out of it while it runs', async () => {
  const sandbox = await harness.open(13, { endpoints: { closed: {} } })
  const peer = await harness.open(14, { endpoints: { red: {} } })
  harness.serveTcp(peer.netnsPath, 80, 'peer')
  assert.equal(await harness.isShut(sandbox.netnsPath, addressOn(peer, 'red'), 80), true)
  await harness.service.connect('red', harness.idOf(13), { Aliases: ['plugged'] })
  const now = harness.service.sandbox(harness.idOf(13))
  assert.ok(now)
  assert.equal(
    await harness.connect(sandbox.netnsPath, addressOn(peer, 'red'), 80),
    `peer from ${addressOn(now, 'red')}`,
  )
  assert.match(await harness.run(sandbox.netnsPath, 'ip', 'route'), /default via .* dev eth1/)
  assert.ok(now.endpoints['red']?.DNSNames?.includes('plugged'))
  await harness.service.disconnect('red', harness.idOf(13), false)
  assert.equal(await harness.isShut(sandbox.netnsPath, addressOn(peer, 'red'), 80), true)
  assert.doesNotMatch(await harness.run(sandbox.netnsPath, 'ip', 'route'), /default/)
  for (const n of [13, 14]) await harness.service.closeSandbox(harness.idOf(n))
})

test('an address comes back to the container that had it, and rests before another gets it', async () => {
  const first = addressOn(await harness.open(15, { endpoints: { red: {} } }), 'red')
  await harness.service.closeSandbox(harness.idOf(15))
  const other = addressOn(await harness.open(16, { endpoints: { red: {} } }), 'red')
  assert.notEqual(other, first)
  assert.equal(addressOn(await harness.open(15, { endpoints: { red: {} } }), 'red'), first)
  for (const n of [15, 16]) await harness.service.closeSandbox(harness.idOf(n))
})

test('nothing is left behind', async () => {
  await assert.rejects(harness.service.remove('bridge'), { code: 'NETWORK_PREDEFINED' })
  const held = await harness.open(19, { endpoints: { red: {} } })
  await assert.rejects(harness.service.remove('red'), { code: 'NETWORK_IN_USE' })
  assert.ok(held)
  await harness.service.closeSandbox(harness.idOf(19))
  await harness.service.closeSandbox(harness.idOf(19))
  for (const name of ['red', 'blue', 'closed', 'mute']) await harness.service.remove(name)
  await assert.rejects(harness.service.inspect('red'), { code: 'NETWORK_NOT_FOUND' })
  const listed = await harness.service.list({})
  assert.deepEqual(
    listed.map(({ Name }) => Name),
    ['bridge', 'host', 'none'],
  )
  // the kernel deletes the interfaces of a dead namespace by and by
  const deadline = Date.now() + 5000
  let links: { ifname: string }[] = []
  do links = (await harness.json('ip', '-j', 'link')) as { ifname: string }[]
  while (links.length > 2 && Date.now() < deadline)
  assert.deepEqual(links.map(({ ifname }) => ifname).toSorted(), ['lo', 'wan0'])
  assert.deepEqual(harness.host.files.readdirSync(harness.base.config.paths.netns), [])
  const { nftables } = (await harness.json('nft', '-j', 'list', 'tables')) as { nftables: { table?: object }[] }
  assert.deepEqual(
    nftables.filter(({ table }) => table !== undefined),
    [],
  )
})
