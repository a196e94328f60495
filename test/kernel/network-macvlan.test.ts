/** Containers on the LAN itself (driver macvlan), and what several subnets and addresses of one's own mean on a bridge. */
import assert from 'node:assert/strict'
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

interface Link {
  readonly ifname: string
  readonly address: string
  readonly mtu: number
  readonly linkinfo?: {
    readonly info_kind: string
    readonly info_data?: { readonly mode?: string; readonly id?: number }
  }
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number; readonly scope: string }[]
}

async function linksIn(netnsPath: string | undefined): Promise<Link[]> {
  return JSON.parse(await harness.run(netnsPath, 'ip', '-j', '-d', 'addr')) as Link[]
}

test('a container on the LAN: reached by its own address, sees neighbours by theirs, finds others by name', async () => {
  const { Id } = await harness.service.create({
    Name: 'lan',
    Driver: 'macvlan',
    Options: { parent: 'wan0', 'com.docker.network.driver.mtu': '1400' },
    IPAM: { Config: [{ Subnet: '10.77.0.0/24', Gateway: '10.77.0.2', IPRange: '10.77.0.128/25' }] },
  })
  const one = await harness.open(1, {
    endpoints: { lan: { MacAddress: '02:00:00:00:77:01' } },
    exposedPorts: ['80/tcp'],
    publishAll: true,
  })
  const two = await harness.open(2, { endpoints: { lan: {} } })
  const link = (await linksIn(one.netnsPath)).find(({ ifname }) => ifname === 'eth0')
  assert.deepEqual(
    [link?.linkinfo?.info_kind, link?.linkinfo?.info_data?.mode, link?.address, link?.mtu],
    ['macvlan', 'bridge', '02:00:00:00:77:01', 1400],
  )
  const address = one.endpoints['lan']?.IPAddress ?? ''
  assert.match(address, /^10\.77\.0\.1(2[89]|[3-9]\d)$/)
  harness.serveTcp(one.netnsPath, 80, 'one')
  harness.serveTcp(lan, 8200, 'lan')
  assert.equal(await harness.connect(lan, address, 80), 'one from 10.77.0.2')
  assert.equal(await harness.connect(one.netnsPath, '10.77.0.2', 8200), `lan from ${address}`)
  assert.match(await harness.run(two.netnsPath, 'busybox', 'nslookup', 'c1.lan', '127.0.0.11'), new RegExp(address))
  // nothing to publish: its ports are on the LAN as they are
  assert.deepEqual(one.ports, { '80/tcp': null })
  await harness.restart()
  await harness.service.recover([1, 2].map((n) => ({ containerId: harness.idOf(n), pid: process.pid })))
  assert.equal(await harness.connect(lan, address, 80), 'one from 10.77.0.2')
  await harness.service.disconnect('lan', harness.idOf(1), false)
  assert.deepEqual(
    (await linksIn(one.netnsPath)).map(({ ifname }) => ifname),
    ['lo'],
  )
  await harness.service.connect('lan', harness.idOf(1), { IPAMConfig: { IPv4Address: '10.77.0.200' } })
  assert.equal(await harness.connect(lan, '10.77.0.200', 80), 'one from 10.77.0.2')
  for (const n of [1, 2]) await harness.service.closeSandbox(harness.idOf(n))
  await harness.service.remove(Id)
  assert.ok(
    (await linksIn(undefined)).some(({ ifname }) => ifname === 'wan0'),
    'the parent is the host’s',
  )
})

/** Whether this kernel makes such links, as the real tool has it: those of small virtual machines lack some kinds. */
function kernelKnows(...link: string[]): Promise<boolean> {
  return harness.run(undefined, 'ip', 'link', 'add', 'probe', ...link).then(
    () => harness.run(undefined, 'ip', 'link', 'del', 'probe').then(() => true),
    () => false,
  )
}

test('a VLAN of the parent is made for the network and gone with it; a kernel without VLANs says so', async () => {
  const creating = harness.service.create({ Name: 'vlan', Driver: 'macvlan', Options: { parent: 'wan0.50' } })
  creating.catch(() => {})
  if (!(await kernelKnows('link', 'wan0', 'type', 'vlan', 'id', '49'))) {
    const message = /cannot create the VLAN "wan0.50" of "wan0": EOPNOTSUPP/
    await assert.rejects(creating, { code: 'KERNEL', message })
    await assert.rejects(harness.service.inspect('vlan'), { code: 'NETWORK_NOT_FOUND' })
    return
  }
  await creating
  const vlan = (await linksIn(undefined)).find(({ linkinfo }) => linkinfo?.info_kind === 'vlan')
  assert.equal(vlan?.linkinfo?.info_data?.id, 50)
  await harness.service.remove('vlan')
  assert.ok(!(await linksIn(undefined)).some(({ linkinfo }) => linkinfo?.info_kind === 'vlan'))
})

test('no parent at all: a dummy, made for the network and gone with it; a kernel without says so', async () => {
  const creating = harness.service.create({ Name: 'alone', Driver: 'macvlan', Internal: true })
  creating.catch(() => {})
  if (!(await kernelKnows('type', 'dummy'))) {
    await assert.rejects(creating, { code: 'KERNEL', message: /cannot create the dummy link .*: EOPNOTSUPP/ })
    await assert.rejects(harness.service.inspect('alone'), { code: 'NETWORK_NOT_FOUND' })
    return
  }
  await creating
  const one = await harness.open(3, { endpoints: { alone: {} } })
  const two = await harness.open(4, { endpoints: { alone: {} } })
  harness.serveTcp(one.netnsPath, 80, 'one')
  assert.match((await harness.connect(two.netnsPath, one.endpoints['alone']?.IPAddress ?? '', 80)) ?? '', /^one/)
  assert.doesNotMatch(await harness.run(one.netnsPath, 'ip', 'route'), /default/)
  for (const n of [3, 4]) await harness.service.closeSandbox(harness.idOf(n))
  await harness.service.remove('alone')
  assert.ok(!(await linksIn(undefined)).some(({ linkinfo }) => linkinfo?.info_kind === 'dummy'))
})

test('refused by name: a parent that is not there, an unknown mode, ipvlan', async () => {
  const create = (Driver: string, Options: Record<string, string>) =>
    harness.service.create({ Name: 'bad', Driver, Options })
  await assert.rejects(create('macvlan', { parent: 'nowhere0' }), { code: 'PARENT_NOT_FOUND' })
  await assert.rejects(create('macvlan', { parent: 'wan0', macvlan_mode: 'loud' }), { code: 'INVALID_NETWORK_OPTION' })
  await assert.rejects(create('ipvlan', {}), { code: 'UNSUPPORTED_NETWORK_DRIVER' })
  await assert.rejects(harness.service.inspect('bad'), { code: 'NETWORK_NOT_FOUND' })
})

test('several subnets on one bridge: each address leads out by the gateway of its own', async () => {
  await harness.service.create({
    Name: 'double',
    EnableIPv6: true,
    IPAM: {
      Config: [
        { Subnet: '10.90.0.0/29', IPRange: '10.90.0.4/31' },
        { Subnet: '10.91.0.0/24', Gateway: '10.91.0.9' },
        { Subnet: 'fd90::/64' },
      ],
    },
  })
  harness.serveTcp(lan, 8300, 'lan')
  const opened = []
  for (const n of [5, 6, 7]) opened.push(await harness.open(n, { endpoints: { double: {} } }))
  assert.deepEqual(
    opened.map(({ endpoints }) => [endpoints['double']?.IPAddress, endpoints['double']?.Gateway]),
    [
      ['10.90.0.4', '10.90.0.1'],
      ['10.90.0.5', '10.90.0.1'],
      ['10.91.0.1', '10.91.0.9'],
    ],
  )
  for (const { netnsPath } of opened) {
    assert.equal(await harness.connect(netnsPath, '10.77.0.2', 8300), 'lan from 10.77.0.1')
    assert.match(await harness.run(netnsPath, 'ip', '-6', 'route'), /default via fd90::1/)
  }
  for (const n of [5, 6, 7]) await harness.service.closeSandbox(harness.idOf(n))
})

test('link-local addresses, settings of the interface, its name', async () => {
  await harness.service.create({ Name: 'plain' })
  const settings = {
    IPAMConfig: { LinkLocalIPs: ['169.254.7.7', 'fe80::7'] },
    DriverOpts: {
      'com.docker.network.endpoint.ifname': 'front0',
      'com.docker.network.endpoint.sysctls': 'net.ipv4.conf.IFNAME.log_martians=1,net.ipv4.conf.IFNAME.forwarding=0',
    },
  }
  const sandbox = await harness.open(8, { endpoints: { plain: settings } })
  const link = (await linksIn(sandbox.netnsPath)).find(({ ifname }) => ifname === 'front0')
  const found = link?.addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`) ?? []
  for (const address of ['169.254.7.7/16', 'fe80::7/64']) assert.ok(found.includes(address), found.join())
  assert.equal(await harness.run(sandbox.netnsPath, 'cat', '/proc/sys/net/ipv4/conf/front0/log_martians'), '1\n')
  for (const [bad, code] of [
    [{ IPAMConfig: { LinkLocalIPs: ['10.0.0.1'] } }, 'INVALID_ADDRESS'],
    [{ DriverOpts: { 'com.docker.network.endpoint.sysctls': 'net.ipv4.conf.IFNAME/../../../x=1' } }, 'INVALID_SYSCTL'],
    [
      { DriverOpts: { 'com.docker.network.endpoint.sysctls': 'net.ipv4.conf.IFNAME.no_such_thing=1' } },
      'INVALID_SYSCTL',
    ],
  ] as const)
    await assert.rejects(harness.open(9, { endpoints: { plain: bad } }), { code })
  await harness.service.closeSandbox(harness.idOf(8))
})
