import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  contains,
  covers,
  formatAddress,
  formatCidr,
  lastOf,
  overlaps,
  parseAddress,
  parseCidr,
} from '../../../src/network/address.ts'

const address4 = fc.ipV4()
const address6 = fc.ipV6()

test('addresses survive text and back', () => {
  fc.assert(
    fc.property(fc.oneof(address4, address6), (text) => {
      const parsed = parseAddress(text)
      assert.ok(parsed)
      const normal = formatAddress(parsed)
      assert.deepEqual(parseAddress(normal), parsed)
      // the URL parser writes IPv6 as RFC 5952 wants it
      if (parsed.family === 6) assert.equal(`[${normal}]`, new URL(`http://[${text}]`).hostname)
    }),
  )
})

test('networks', () => {
  for (const [text, want, last] of [
    ['172.18.5.7/16', '172.18.0.0/16', '172.18.255.255'],
    ['10.0.0.1', '10.0.0.1/32', '10.0.0.1'],
    ['0.0.0.0/0', '0.0.0.0/0', '255.255.255.255'],
    ['fd00:1::ffff/64', 'fd00:1::/64', 'fd00:1::ffff:ffff:ffff:ffff'],
  ] as const) {
    const cidr = parseCidr(text)
    assert.ok(cidr)
    assert.equal(formatCidr(cidr), want)
    assert.equal(formatAddress({ family: cidr.family, value: lastOf(cidr) }), last)
  }
  for (const text of [
    '',
    '10.0.0.0/33',
    '10.0.0/8',
    '10.0.0.0/8/9',
    'fe80::1%eth0/64',
    '10.0.0.0/-1',
    'fd00::/129',
    '10.0.0.0/x',
  ])
    assert.equal(parseCidr(text), undefined, text)
})

test('overlap is symmetric, and follows from containing one address of the other', () => {
  const cidr = fc
    .tuple(address4, fc.integer({ min: 0, max: 32 }))
    .map(([text, prefix]) => parseCidr(`${text}/${prefix}`))
    .filter((cidr) => cidr !== undefined)
  fc.assert(
    fc.property(cidr, cidr, (one, other) => {
      assert.equal(overlaps(one, other), overlaps(other, one))
      const holds = contains(one, { family: 4, value: other.first }) || contains(other, { family: 4, value: one.first })
      assert.equal(overlaps(one, other), holds)
      if (covers(one, other)) assert.ok(overlaps(one, other))
    }),
  )
})
