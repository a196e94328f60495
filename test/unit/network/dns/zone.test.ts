import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressOfReverseName, createZone, type Asker, type Zone } from '../../../../src/network/dns/zone.ts'

function demo(): Zone {
  const zone = createZone()
  const add = (containerId: string, network: string, names: string[], ipv4: string | undefined, ipv6?: string): void =>
    zone.add({ containerId, networkId: network, networkName: network, names, ipv4, ipv6 })
  add('a', 'front', ['web-1', 'web'], '10.0.0.2')
  add('b', 'front', ['web-2', 'web'], '10.0.0.3')
  add('b', 'back.end', ['web-2', 'db'], '10.0.1.3', 'fd00::3')
  add('c', 'other', ['web'], '10.0.2.2')
  return zone
}

const asker = (...networks: string[]): Asker => ({
  networks: networks.map((name) => ({ id: name, name })),
  links: new Map([['backend', 'web-1']]),
})

test('all that carry the name, on the first network that knows it', () => {
  const zone = demo()
  assert.deepEqual(zone.resolve(asker('front', 'other'), 'WEB.', 4)?.toSorted(), ['10.0.0.2', '10.0.0.3'])
  assert.deepEqual(zone.resolve(asker('other', 'front'), 'web', 4), ['10.0.2.2'])
  assert.equal(zone.resolve(asker('front'), 'db', 4), undefined)
  assert.deepEqual(zone.resolve(asker('front'), 'web', 6), [])
  assert.deepEqual(zone.resolve(asker('back.end'), 'db', 6), ['fd00::3'])
})

test('name.network, with dots in the network’s name', () => {
  assert.deepEqual(demo().resolve(asker('front', 'back.end'), 'db.back.end', 4), ['10.0.1.3'])
  assert.equal(demo().resolve(asker('front'), 'db.back.end', 4), undefined)
})

test('links', () => {
  assert.deepEqual(demo().resolve(asker('front'), 'backend', 4), ['10.0.0.2'])
})

test('who leaves is forgotten', () => {
  const zone = demo()
  zone.remove('a', 'front')
  zone.remove('a', 'front')
  assert.deepEqual(zone.resolve(asker('front'), 'web', 4), ['10.0.0.3'])
  zone.remove('b', 'front')
  assert.equal(zone.resolve(asker('front'), 'web', 4), undefined)
  assert.equal(zone.reverse(asker('front'), '10.0.0.3'), undefined)
})

test('reverse look-ups stay on the asker’s networks', () => {
  assert.equal(demo().reverse(asker('front'), '10.0.0.2'), 'web-1.front')
  assert.equal(demo().reverse(asker('other'), '10.0.0.2'), undefined)
})

test('reverse names', () => {
  assert.equal(addressOfReverseName('2.0.18.172.in-addr.arpa.'), '172.18.0.2')
  assert.equal(addressOfReverseName('2.0.18.in-addr.arpa'), undefined)
  assert.equal(addressOfReverseName('300.0.18.172.in-addr.arpa'), undefined)
  const six = 'fd000000000000000000000000000003'.split('').toReversed().join('.')
  assert.equal(addressOfReverseName(`${six}.IP6.ARPA`), 'fd00:0000:0000:0000:0000:0000:0000:0003')
  assert.equal(addressOfReverseName('example.com'), undefined)
})
