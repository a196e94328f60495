import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  electGateway,
  endpointNames,
  macFor,
  normalMac,
  planEndpoint,
  type Attachment,
} from '../../../src/network/endpoints.ts'
import type { EndpointRecord, NetworkRecord } from '../../../src/state/networks.ts'

const network = (name: string, more: Partial<NetworkRecord> = {}): NetworkRecord => ({
  id: name.padEnd(64, '0'),
  name,
  driver: 'bridge',
  created: '',
  predefined: false,
  ipv4: true,
  ipv6: false,
  internal: false,
  attachable: false,
  options: {},
  labels: {},
  ipamOptions: {},
  pools: [{ subnet: '172.18.0.0/24', gateway: '172.18.0.1', auxiliary: {}, chosen: true }],
  bridge: 'mc000-00000000',
  ...more,
})

const plan = (
  settings: EndpointRecord['settings'],
  more: Partial<Parameters<typeof planEndpoint>[0]> = {},
): EndpointRecord =>
  planEndpoint({
    containerId: 'c'.repeat(64),
    names: ['web'],
    network: network('front'),
    settings,
    position: 0,
    takenInterfaces: [],
    use: { used: new Map(), last: {}, former: {} },
    endpointId: '1a2b3c4d'.padEnd(64, '0'),
    vethPrefix: 'mv3fa',
    ...more,
  })

test('a planned endpoint', () => {
  const endpoint = plan({})
  assert.equal(endpoint.ipv4, '172.18.0.2/24')
  assert.equal(endpoint.mac, '02:42:ac:12:00:02')
  assert.equal(endpoint.interfaceName, 'eth0')
  assert.equal(endpoint.hostInterface, 'mv3fa1a2b3c4d')
  assert.ok(endpoint.hostInterface.length <= 15)
})

test('interface names: the lowest free, or the one asked for', () => {
  assert.equal(plan({}, { takenInterfaces: ['eth0', 'eth2'] }).interfaceName, 'eth1')
  const wish = { DriverOpts: { 'com.docker.network.endpoint.ifname': 'lan' } }
  assert.equal(plan(wish).interfaceName, 'lan')
  assert.throws(() => plan(wish, { takenInterfaces: ['lan'] }), { code: 'INVALID_INTERFACE_NAME' })
  assert.throws(() => plan({ DriverOpts: { 'com.docker.network.endpoint.ifname': 'a/b' } }), {
    code: 'INVALID_INTERFACE_NAME',
  })
})

test('an address in use is refused with its holder', () => {
  const use = { used: new Map([['172.18.0.9', 'db']]), last: {}, former: {} }
  assert.equal(plan({ IPAMConfig: { IPv4Address: '172.18.0.8' } }, { use }).ipv4, '172.18.0.8/24')
  assert.throws(() => plan({ IPAMConfig: { IPv4Address: '172.18.0.9' } }, { use }), {
    code: 'ADDRESS_IN_USE',
    hint: /container "db"/,
  })
})

test('MAC addresses', () => {
  assert.equal(macFor('10.0.255.1', ''), '02:42:0a:00:ff:01')
  assert.equal(macFor(undefined, 'deadbeef00'), '02:42:de:ad:be:ef')
  assert.equal(normalMac('02-AB-00-00-00-01'), '02:ab:00:00:00:01')
  for (const text of ['', '01:00:00:00:00:01', '00:00:00:00:00:00', '02:00:00:00:00', 'zz:00:00:00:00:00'])
    assert.equal(normalMac(text), undefined, text)
})

test('names, each once whatever its case', () => {
  const container = { id: '0123456789abcdef', name: 'p-Web-1', hostname: 'WEB' }
  assert.deepEqual(endpointNames(container, ['web', 'p-web-1', '']), ['p-Web-1', 'web', '0123456789ab'])
})

test('the way out: priority, then both families, then name; never internal', () => {
  const on = (name: string, settings: EndpointRecord['settings'], more: Partial<NetworkRecord> = {}, ipv6?: string) =>
    ({
      network: network(name, more),
      endpoint: { ...plan(settings), ...(ipv6 === undefined ? {} : { ipv6 }) },
    }) satisfies Attachment
  const elected = (attachments: Attachment[], family: 4 | 6 = 4): string | undefined =>
    electGateway(attachments, family)?.network.name
  assert.equal(elected([on('b', {}), on('a', {})]), 'a')
  assert.equal(elected([on('a', {}), on('b', { GwPriority: 1 })]), 'b')
  assert.equal(elected([on('a', { GwPriority: 9 }, { internal: true }), on('b', {})]), 'b')
  assert.equal(elected([on('a', {}), on('b', {}, {}, 'fd00::2/64')]), 'b')
  assert.equal(elected([on('a', {}, { internal: true })]), undefined)
  assert.equal(elected([on('a', {})], 6), undefined)
})
