/** Published ports, with real packets: from the host, from another machine, from containers; who must not get in. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import type { Sandbox } from '../../src/engine/services/index.ts'
import { until } from '../support/poll.ts'
import { createHarness, type Harness } from './network-harness.ts'

let harness: Harness
let lan: string

before(async () => {
  harness = await createHarness()
  await harness.service.recover([])
  lan = harness.lan()
  await harness.service.create({ Name: 'front' })
  await harness.service.create({ Name: 'back' })
})
after(() => harness.close())

const addressOn = (sandbox: Sandbox, network: string): string => sandbox.endpoints[network]?.IPAddress ?? ''

test('a port at every address: from the host, from another machine, from other containers, from itself', async () => {
  const web = await harness.open(1, { endpoints: { front: {} }, portBindings: { '80/tcp': [{ HostPort: '8080' }] } })
  assert.deepEqual(
    web.ports['80/tcp']?.map(({ HostIp, HostPort }) => `${HostIp} ${HostPort}`),
    ['0.0.0.0 8080', ':: 8080'],
  )
  harness.serveTcp(web.netnsPath, 80, 'web')
  const gateway = web.endpoints['front']?.Gateway ?? ''
  assert.equal(await harness.connect(undefined, '127.0.0.1', 8080), `web from ${gateway}`)
  assert.equal(await harness.connect(undefined, '10.77.0.1', 8080), `web from ${gateway}`)
  // another machine is seen by its own address
  assert.equal(await harness.connect(lan, '10.77.0.1', 8080), 'web from 10.77.0.2')
  // hairpin: its own published port
  assert.equal(await harness.connect(web.netnsPath, '10.77.0.1', 8080), `web from ${gateway}`)
  assert.equal(await harness.connect(web.netnsPath, gateway, 8080), `web from ${gateway}`)
  // a container of another network may use what the host offers to everybody
  const other = await harness.open(2, { endpoints: { back: {} } })
  assert.match((await harness.connect(other.netnsPath, '10.77.0.1', 8080)) ?? '', /^web from/)
  // but not the address itself; nor may another machine, port published or not
  assert.equal(await harness.isShut(other.netnsPath, addressOn(web, 'front'), 80), true)
  assert.equal(await harness.isShut(lan, addressOn(web, 'front'), 80), true)
  for (const n of [1, 2]) await harness.service.closeSandbox(harness.idOf(n))
  assert.equal(await harness.isShut(undefined, '127.0.0.1', 8080), true)
})

test('a port at 127.0.0.1 is for this host alone', async () => {
  const db = await harness.open(3, {
    endpoints: { back: {} },
    portBindings: { '5432/tcp': [{ HostIp: '127.0.0.1', HostPort: '5432' }] },
  })
  harness.serveTcp(db.netnsPath, 5432, 'db')
  assert.match((await harness.connect(undefined, '127.0.0.1', 5432)) ?? '', /^db from/)
  assert.equal(await harness.isShut(undefined, '10.77.0.1', 5432), true)
  assert.equal(await harness.isShut(lan, '10.77.0.1', 5432), true)
  // a neighbour that sends 127.0.0.1 our way (CVE-2021-20199's kin)
  const path = '/proc/sys/net/ipv4/conf/eth0/route_localnet'
  harness.host.netns.inside(lan, () => {
    harness.host.files.writeTextSync(path, '1')
    harness.host.links.setUp('lo')
  })
  await harness.run(lan, 'ip', 'route', 'del', 'local', '127.0.0.0/8', 'dev', 'lo', 'table', 'local')
  await harness.run(lan, 'ip', 'route', 'del', 'local', '127.0.0.1', 'dev', 'lo', 'table', 'local')
  await harness.run(lan, 'ip', 'route', 'add', '127.0.0.1', 'via', '10.77.0.1', 'dev', 'eth0')
  assert.equal(await harness.isShut(lan, '127.0.0.1', 5432), true)
  await harness.service.closeSandbox(harness.idOf(3))
})

test('udp, and a client that was there before the port', async () => {
  // the flow is tracked before there is a rule for it: it must not stick
  const early = createSocket('udp4')
  await new Promise<void>((resolve) => early.bind(0, '127.0.0.1', resolve))
  await new Promise((resolve) => early.send('early', 5353, '127.0.0.1', resolve))
  const dns = await harness.open(4, { endpoints: { front: {} }, portBindings: { '53/udp': [{ HostPort: '5353' }] } })
  harness.serveUdp(dns.netnsPath, 53, 'dns')
  assert.match((await harness.datagram(undefined, '127.0.0.1', 5353)) ?? '', /^dns from/)
  assert.equal(await harness.datagram(lan, '10.77.0.1', 5353), 'dns from 10.77.0.2')
  const answered = new Promise<string>((resolve) => early.on('message', (message) => resolve(message.toString())))
  early.on('error', () => {}) // the first datagram met a closed port
  early.send('again', 5353, '127.0.0.1')
  assert.match(await answered, /^dns from/)
  early.close()
  await harness.service.closeSandbox(harness.idOf(4))
})

test('a port in use is refused, and the holder named: a container, a program', async () => {
  await harness.open(5, { endpoints: { front: {} }, portBindings: { '80/tcp': [{ HostPort: '8081' }] } })
  await assert.rejects(
    harness.open(6, {
      endpoints: { front: {} },
      portBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8081' }] },
    }),
    {
      code: 'PORT_ALLOCATED',
      message: 'Bind for 127.0.0.1:8081 failed: port is already allocated',
      hint: /container "c5"/,
    },
  )
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(8082, '127.0.0.1', resolve))
  await assert.rejects(
    harness.open(6, { endpoints: { front: {} }, portBindings: { '80/tcp': [{ HostPort: '8082' }] } }),
    { code: 'PORT_ALLOCATED', hint: new RegExp(`process ${process.pid} \\(`) },
  )
  server.close()
  // the failed ones left nothing: the same container starts with a free port
  await harness.open(6, { endpoints: { front: {} }, portBindings: { '80/tcp': [{ HostPort: '8083' }] } })
  for (const n of [5, 6]) await harness.service.closeSandbox(harness.idOf(n))
})

test('a published port cannot be taken by another program', async () => {
  await harness.open(7, { endpoints: { front: {} }, portBindings: { '80/tcp': [{ HostPort: '8084' }] } })
  const server = createServer()
  const refused = await new Promise((resolve) => {
    server.once('error', resolve)
    server.listen(8084, '127.0.0.1', () => resolve(undefined))
  })
  assert.equal((refused as NodeJS.ErrnoException | undefined)?.code, 'EADDRINUSE')
  await harness.service.closeSandbox(harness.idOf(7))
})

test('ranges, random ports, publish all; a random port stays over a restart of the container', async () => {
  const ranged = { endpoints: { front: {} }, portBindings: { '80/tcp': [{ HostPort: '9000-9001' }] } }
  const first = await harness.open(8, ranged)
  const second = await harness.open(9, ranged)
  assert.equal(first.ports['80/tcp']?.[0]?.HostPort, '9000')
  assert.equal(second.ports['80/tcp']?.[0]?.HostPort, '9001')
  await assert.rejects(harness.open(10, ranged), {
    code: 'PORT_ALLOCATED',
    message: 'Bind for 0.0.0.0:9000-9001 failed: all ports are allocated',
    hint: /^9000\/tcp is held by container .*, and so on; publish a wider range$/,
  })
  const random = { endpoints: { front: {} }, publishAll: true, exposedPorts: ['80/tcp', '53/udp'] }
  const sandbox = await harness.open(11, random)
  const port = Number(sandbox.ports['80/tcp']?.[0]?.HostPort)
  assert.ok(port >= 32_768 && port <= 60_999, String(port))
  assert.ok(sandbox.ports['53/udp'])
  harness.serveTcp(sandbox.netnsPath, 80, 'random')
  assert.match((await harness.connect(undefined, '127.0.0.1', port)) ?? '', /^random/)
  await harness.service.closeSandbox(harness.idOf(11))
  const again = await harness.open(11, random)
  assert.equal(Number(again.ports['80/tcp']?.[0]?.HostPort), port)
  for (const n of [8, 9, 11]) await harness.service.closeSandbox(harness.idOf(n))
})

test('an address that is not of this host', async () => {
  await assert.rejects(
    harness.open(12, {
      endpoints: { front: {} },
      portBindings: { '80/tcp': [{ HostIp: '203.0.113.9', HostPort: '80' }] },
    }),
    { code: 'INVALID_PORT' },
  )
  assert.equal(harness.service.sandbox(harness.idOf(12)), undefined)
})

for (const [what, ...argv] of [
  ['all rules', 'flush', 'ruleset'],
  ['the rules of its chains', 'flush', 'table', 'inet', 'TABLE'],
  ['one chain', 'flush', 'chain', 'inet', 'TABLE', 'raw_prerouting'],
  ['the ports', 'flush', 'map', 'inet', 'TABLE', 'ports4'],
  ['the table', 'delete', 'table', 'inet', 'TABLE'],
] as const)
  test(`somebody flushes ${what}: within a second or two ports work again, and what was shut is shut`, async () => {
    const web = await harness.open(13, {
      endpoints: { front: {} },
      portBindings: { '80/tcp': [{ HostPort: '8085' }], '81/tcp': [{ HostIp: '127.0.0.1', HostPort: '8086' }] },
    })
    harness.serveTcp(web.netnsPath, 80, 'web')
    harness.serveTcp(web.netnsPath, 81, 'local')
    const { nftTable } = harness.base.config
    const rules = async (): Promise<string> => {
      const text = await harness.run(undefined, 'nft', 'list', 'ruleset').catch(() => '')
      return text.replaceAll(/# handle \d+/g, '')
    }
    const whole = await rules()
    const before = harness.host.links.rulesetGeneration()
    await harness.run(undefined, 'nft', ...argv.map((word) => word.replace('TABLE', nftTable)))
    // on a slow machine they may stand again before anybody looks
    assert.notEqual(harness.host.links.rulesetGeneration(), before, 'something was flushed')
    await until(async () => (await rules()) === whole, { what: 'its own rules', timeoutMs: 3000 })
    // what came through in between is cut off right after
    const answer = async (): Promise<string> => (await harness.connect(undefined, '127.0.0.1', 8085)) ?? ''
    await until(async () => (await answer()).startsWith('web from'), { what: 'an answer', timeoutMs: 3000 })
    assert.equal(await harness.connect(lan, '10.77.0.1', 8085), 'web from 10.77.0.2')
    const [outside, other] = await Promise.all([
      harness.isShut(lan, '10.77.0.1', 8086),
      harness.isShut(lan, addressOn(web, 'front'), 80),
    ])
    assert.deepEqual([outside, other], [true, true])
    await harness.service.closeSandbox(harness.idOf(13))
  })

test('rules of others change: ours are left as they are', async () => {
  const web = await harness.open(14, { endpoints: { front: {} }, portBindings: { '80/tcp': [{ HostPort: '8085' }] } })
  const handles = async (): Promise<string> =>
    harness.run(undefined, 'nft', '-a', 'list', 'table', 'inet', harness.base.config.nftTable)
  const before = await handles()
  await harness.run(undefined, 'nft', 'add', 'table', 'ip', 'foreign')
  await new Promise((resolve) => setTimeout(resolve, 1500))
  assert.equal(await handles(), before)
  await harness.run(undefined, 'nft', 'delete', 'table', 'ip', 'foreign')
  assert.ok(web)
  await harness.service.closeSandbox(harness.idOf(14))
})

test('the engine is killed and comes back: traffic flows on, ports are held again, strays go', async () => {
  const web = await harness.open(15, {
    endpoints: { front: { Aliases: ['web'] } },
    portBindings: { '80/tcp': [{ HostPort: '8087' }] },
  })
  const gone = await harness.open(16, { endpoints: { front: {} }, portBindings: { '80/tcp': [{ HostPort: '8088' }] } })
  harness.serveTcp(web.netnsPath, 80, 'web')
  await harness.restart()
  assert.match((await harness.connect(undefined, '127.0.0.1', 8087)) ?? '', /^web from/)
  // what a crash in the middle would leave: a link and a namespace that no row knows
  const { links, netns, files } = harness.host
  const { paths, id } = harness.base.config
  links.createBridge('stray0', { alias: `mycompose ${id} ${paths.root}` })
  netns.create(`${paths.netns}/stray`)
  await harness.service.recover([{ containerId: harness.idOf(15), pid: process.pid }])
  assert.match((await harness.connect(undefined, '127.0.0.1', 8087)) ?? '', /^web from/)
  assert.equal(await harness.isShut(undefined, '127.0.0.1', 8088), true)
  assert.deepEqual(harness.service.sandbox(harness.idOf(15))?.endpoints, web.endpoints)
  assert.equal(harness.service.sandbox(harness.idOf(16)), undefined)
  assert.equal(files.existsSync(gone.netnsPath), false)
  assert.equal(files.existsSync(`${paths.netns}/stray`), false)
  assert.equal(links.find('stray0'), undefined)
  const server = createServer()
  const refused = await new Promise((resolve) => {
    server.once('error', resolve)
    server.listen(8087, '127.0.0.1', () => resolve(undefined))
  })
  assert.equal((refused as NodeJS.ErrnoException | undefined)?.code, 'EADDRINUSE')
  const client = await harness.open(17, { endpoints: { front: {} } })
  assert.match(
    await harness.run(client.netnsPath, 'bash', '-c', 'cat < /dev/tcp/' + addressOn(web, 'front') + '/80'),
    /^web/,
  )
  for (const n of [15, 17]) await harness.service.closeSandbox(harness.idOf(n))
})

test('a container of an internal network publishes nothing', async () => {
  await harness.service.create({ Name: 'closed', Internal: true })
  const sandbox = await harness.open(18, {
    endpoints: { closed: {} },
    portBindings: { '80/tcp': [{ HostPort: '8089' }] },
  })
  assert.deepEqual(sandbox.ports, {})
  // joined to a network with a way out, its ports appear; leaving it, they go
  harness.serveTcp(sandbox.netnsPath, 80, 'joined')
  await harness.service.connect('front', harness.idOf(18), {})
  assert.match((await harness.connect(undefined, '127.0.0.1', 8089)) ?? '', /^joined/)
  await harness.service.disconnect('front', harness.idOf(18), false)
  assert.equal(await harness.isShut(undefined, '127.0.0.1', 8089), true)
  await harness.service.closeSandbox(harness.idOf(18))
})

test('after a crash: a namespace whose file is gone, a bridge without its address, a bridge that is gone', async () => {
  const { links, netns, exec } = harness.host
  const web = await harness.open(20, { endpoints: { front: {} }, portBindings: { '80/tcp': [{ HostPort: '8090' }] } })
  harness.serveTcp(web.netnsPath, 80, 'web')
  const inside = exec.spawn(['nsenter', `--net=${web.netnsPath}`, 'sleep', '60'], { stdio: ['ignore', 'pipe', 'pipe'] })
  const same = (): boolean => netns.inode(`/proc/${inside.pid}/ns/net`) === netns.inode(web.netnsPath)
  while (!same()) await new Promise((resolve) => setTimeout(resolve, 5))
  await harness.restart()
  await netns.remove(web.netnsPath)
  const bridges = (await harness.json('ip', '-j', 'link', 'show', 'type', 'bridge')) as { ifname: string }[]
  const { Id: front } = await harness.service.inspect('front')
  const { Id: back } = await harness.service.inspect('back')
  const bridgeOf = (id: string): string => bridges.find(({ ifname }) => ifname.endsWith(id.slice(0, 8)))?.ifname ?? ''
  await harness.run(undefined, 'ip', 'address', 'flush', 'dev', bridgeOf(front))
  links.remove(bridgeOf(back))
  await harness.service.recover([{ containerId: harness.idOf(20), pid: inside.pid }])
  assert.ok(same())
  assert.match((await harness.connect(undefined, '127.0.0.1', 8090)) ?? '', /^web from/)
  const later = await harness.open(21, { endpoints: { back: {} } })
  assert.equal(
    await harness.connect(later.netnsPath, later.endpoints['back']?.Gateway ?? '', 8090),
    `web from ${web.endpoints['front']?.Gateway}`,
  )
  inside.kill('SIGKILL')
  await inside.exited
  for (const n of [20, 21]) await harness.service.closeSandbox(harness.idOf(n))
})

test('two engines that choose the same subnet at once: the younger gives way', async () => {
  const { links } = harness.host
  const addAddress = links.addAddress.bind(links)
  let rival = true
  // between our look at the host and our bridge the other engine's bridge comes up
  Object.assign(links, {
    addAddress(name: string, address: string) {
      if (rival) {
        rival = false
        addAddress('wan0', address)
      }
      addAddress(name, address)
    },
  })
  const { Id } = await harness.service.create({ Name: 'contested' })
  Object.assign(links, { addAddress })
  const subnet = (await harness.service.inspect(Id)).IPAM.Config?.[0]?.Subnet ?? ''
  const onWan = links.addresses().filter(({ device, address }) => device === 'wan0' && address.startsWith('172.'))
  assert.equal(onWan.length, 1)
  assert.notEqual(onWan[0]?.address.split('.').slice(0, 3).join('.'), subnet.split('.').slice(0, 3).join('.'))
  await harness.service.remove('contested')
})
