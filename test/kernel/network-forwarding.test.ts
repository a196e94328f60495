/**
 * The engine that makes the host a router shuts what was shut before: two machines at two interfaces of the host, which
 * have the host as their router, do not reach each other through it; their ways to containers, and what comes later,
 * stay open. A host that was a router before stays one.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { until } from '../support/poll.ts'
import { createHarness, type Harness } from './network-harness.ts'

const FORWARD = '/proc/sys/net/ipv4/ip_forward'
const FORWARD6 = '/proc/sys/net/ipv6/conf/all/forwarding'

let harness: Harness
let lan: string
const machines: string[] = []

/** Another machine at 10.N.0.2, whose router is this host. */
function machine(n: number): string {
  const { netns, links } = harness.host
  const path = join(harness.base.config.paths.run, `machine${n}`)
  netns.create(path)
  machines.push(path)
  links.createVeth({ name: `wan${n}`, peer: 'eth0', peerNetns: path })
  links.addAddress(`wan${n}`, `10.${n}.0.1/24`)
  links.addAddress(`wan${n}`, `fd${n}::1/64`)
  netns.inside(path, () => {
    links.setUp('lo')
    links.configure('eth0', [`10.${n}.0.2/24`, `fd${n}::2/64`])
    links.addRoute({ gateway: `10.${n}.0.1`, device: 'eth0' })
    links.addRoute({ gateway: `fd${n}::1`, device: 'eth0' })
  })
  harness.serveTcp(path, 80, `machine${n}`)
  return path
}

before(async () => {
  harness = await createHarness()
  harness.host.files.writeTextSync(FORWARD, '0')
  harness.host.files.writeTextSync(FORWARD6, '0')
  await harness.service.recover([])
  lan = harness.lan()
})
after(async () => {
  for (const path of machines) await harness.host.netns.remove(path)
  await harness.close()
})

test('what the engine opens it shuts between the interfaces that were there, over its own restarts too', async () => {
  const early = machine(78)
  assert.equal(await harness.isShut(lan, '10.78.0.2', 80), true)
  await harness.service.create({ Name: 'app' })
  const binding = [{ HostIp: '', HostPort: '8080' }]
  const sandbox = await harness.open(1, { endpoints: { app: {} }, portBindings: { '80/tcp': binding } })
  harness.serveTcp(sandbox.netnsPath, 80, 'container')
  assert.equal(harness.host.files.readTextSync(FORWARD)?.trim(), '1')
  assert.equal(harness.host.files.readTextSync(FORWARD6)?.trim(), '0')
  const check = async (): Promise<void> => {
    assert.equal(await harness.isShut(lan, '10.78.0.2', 80), true)
    assert.equal(await harness.isShut(early, '10.77.0.2', 80), true)
    assert.match((await harness.connect(lan, '10.77.0.1', 8080)) ?? '', /^container from 10\.77\.0\.2$/)
    assert.match((await harness.connect(sandbox.netnsPath, '10.78.0.2', 80)) ?? '', /^machine78 from 10\.78\.0\.1$/)
  }
  await check()
  machine(79)
  assert.match((await harness.connect(lan, '10.79.0.2', 80)) ?? '', /^machine79 from 10\.77\.0\.2$/)
  await harness.run(undefined, 'nft', 'flush', 'ruleset')
  await harness.restart()
  await harness.service.recover([{ containerId: harness.idOf(1), pid: process.pid }])
  await check()
})

test('with the last network the host is no router any more, unless somebody else may count on it', async () => {
  const forward = (): string => harness.host.files.readTextSync(FORWARD)?.trim() ?? ''
  await harness.service.closeSandbox(harness.idOf(1))
  const removed = async (name: string): Promise<void> => {
    await harness.service.remove(name)
    await until(() => harness.host.links.list().every(({ kind }) => kind !== 'bridge'), { what: 'its bridge is gone' })
  }
  await removed('app')
  assert.equal(forward(), '1', 'wan79 has come since')
  harness.host.links.remove('wan79')
  await harness.service.create({ Name: 'short' })
  await harness.open(2, { endpoints: { short: {} } })
  await harness.service.closeSandbox(harness.idOf(2))
  await removed('short')
  await until(() => forward() === '0', { what: 'forwarding is off' })
  assert.equal(await harness.isShut(lan, '10.78.0.2', 80), true)
})
