import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { contains, formatCidr, overlaps, parseAddress, parseCidr } from '../../../src/network/address.ts'
import {
  automaticPool,
  checkPool,
  checkStaticAddress,
  chooseSubnet4,
  chooseSubnet6,
  nextAddress,
  type Pool,
  type Taken,
} from '../../../src/network/ipam.ts'

const taken = (...texts: string[]): Taken[] =>
  texts.map((text) => {
    const cidr = parseCidr(text)
    assert.ok(cidr, text)
    return { cidr, owner: 'device "eth0"' }
  })

test('the first subnet is decided by the offset, and goes round', () => {
  assert.equal(formatCidr(chooseSubnet4([], 0)), '172.17.0.0/24')
  assert.equal(formatCidr(chooseSubnet4([], 0.999_999)), '172.31.255.0/24')
  assert.equal(formatCidr(chooseSubnet4(taken('172.31.255.0/24'), 0.999_999)), '172.17.0.0/24')
})

test('what the host uses is skipped, 192.168 comes last', () => {
  assert.equal(formatCidr(chooseSubnet4(taken('172.17.0.1/16'), 0)), '172.18.0.0/24')
  assert.equal(formatCidr(chooseSubnet4(taken('172.16.0.0/12'), 0.5)), '192.168.0.0/24')
  assert.throws(() => chooseSubnet4(taken('172.16.0.0/12', '192.168.0.0/16'), 0), { code: 'ADDRESS_POOLS_EXHAUSTED' })
})

test('a chosen subnet overlaps nothing that is taken', () => {
  const route = fc
    .tuple(
      fc.constantFrom('172.17', '172.20', '172.31', '192.168', '10.0'),
      fc.nat(255),
      fc.integer({ min: 12, max: 32 }),
    )
    .map(([head, third, prefix]) => `${head}.${third}.0/${prefix}`)
  fc.assert(
    fc.property(
      fc.array(route, { maxLength: 30 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (routes, offset) => {
        const used = taken(...routes)
        try {
          const subnet = chooseSubnet4(used, offset)
          assert.ok(!used.some(({ cidr }) => overlaps(cidr, subnet)))
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'ADDRESS_POOLS_EXHAUSTED')
        }
      },
    ),
  )
})

test('every subnet is given once, then an error says so', () => {
  // of the whole pool only 172.31.240.0/20 and 192.168.240.0/20 are free: twice sixteen subnets
  const low = (head: string): string[] => [`${head}.0.0/17`, `${head}.128.0/18`, `${head}.192.0/19`, `${head}.224.0/20`]
  const wide = ['172.16.0.0/13', '172.24.0.0/14', '172.28.0.0/15', '172.30.0.0/16']
  const used = taken(...wide, ...low('172.31'), ...low('192.168'))
  const given = new Set<string>()
  for (let index = 0; index < 32; index += 1) {
    const cidr = chooseSubnet4(used, 0.3)
    given.add(formatCidr(cidr))
    used.push({ cidr, owner: 'x' })
  }
  assert.equal(given.size, 32)
  assert.throws(() => chooseSubnet4(used, 0), { code: 'ADDRESS_POOLS_EXHAUSTED' })
})

test('IPv6 subnets are /64s of one unique local prefix', () => {
  const first = chooseSubnet6([], '3fa9c10000')
  assert.equal(formatCidr(first), 'fd3f:a9c1::/64')
  assert.equal(formatCidr(chooseSubnet6([{ cidr: first, owner: 'x' }], '3fa9c10000')), 'fd3f:a9c1:0:1::/64')
})

test('pools as users write them', () => {
  const full = checkPool(
    {
      Subnet: '172.28.0.0/16',
      IPRange: '172.28.5.0/24',
      Gateway: '172.28.5.254',
      AuxiliaryAddresses: { nas: '172.28.1.5' },
    },
    [],
  )
  assert.deepEqual(full, {
    subnet: '172.28.0.0/16',
    gateway: '172.28.5.254',
    range: '172.28.5.0/24',
    auxiliary: { nas: '172.28.1.5' },
    chosen: true,
  })
  assert.equal(checkPool({ Subnet: '172.28.0.0/16' }, [])?.gateway, '172.28.0.1')
  assert.equal(checkPool({ Subnet: 'fd00:5::/64' }, [])?.gateway, 'fd00:5::1')
  assert.equal(checkPool({}, []), undefined)
})

for (const { name, wish, code } of [
  { name: 'no prefix', wish: { Subnet: '172.28.0.0' }, code: 'INVALID_IPAM' },
  { name: 'host bits', wish: { Subnet: '172.28.0.1/16' }, code: 'INVALID_IPAM' },
  { name: 'no room', wish: { Subnet: '172.28.0.0/31' }, code: 'INVALID_IPAM' },
  { name: 'gateway outside', wish: { Subnet: '172.28.0.0/16', Gateway: '172.29.0.1' }, code: 'INVALID_IPAM' },
  { name: 'range outside', wish: { Subnet: '172.28.0.0/16', IPRange: '172.29.0.0/24' }, code: 'INVALID_IPAM' },
  {
    name: 'auxiliary outside',
    wish: { Subnet: '172.28.0.0/16', AuxiliaryAddresses: { a: '10.0.0.1' } },
    code: 'INVALID_IPAM',
  },
  { name: 'gateway alone', wish: { Gateway: '172.28.0.1' }, code: 'INVALID_IPAM' },
  { name: 'the LAN', wish: { Subnet: '192.0.2.0/25' }, code: 'SUBNET_OVERLAPS' },
])
  test(`a pool is refused: ${name}`, () => assert.throws(() => checkPool(wish, taken('192.0.2.2/24')), { code }))

const pool = (subnet: string, more: Partial<Pool> = {}): Pool => {
  const cidr = parseCidr(subnet)
  assert.ok(cidr)
  return { ...automaticPool(cidr), ...more }
}

test('addresses go round: one given back rests as long as possible', () => {
  const small = pool('10.1.0.0/29') // .1 is the gateway; .2 to .6 are free
  assert.equal(nextAddress(small, new Set()), '10.1.0.2')
  assert.equal(nextAddress(small, new Set(), { after: '10.1.0.2' }), '10.1.0.3')
  assert.equal(nextAddress(small, new Set(['10.1.0.3']), { after: '10.1.0.6' }), '10.1.0.2')
  assert.equal(nextAddress(small, new Set(['10.1.0.2', '10.1.0.3', '10.1.0.4', '10.1.0.5', '10.1.0.6'])), undefined)
})

test('a former address is preferred while it is free', () => {
  const small = pool('10.1.0.0/24')
  assert.equal(nextAddress(small, new Set(), { after: '10.1.0.9', preferred: '10.1.0.4' }), '10.1.0.4')
  assert.equal(nextAddress(small, new Set(['10.1.0.4']), { after: '10.1.0.9', preferred: '10.1.0.4' }), '10.1.0.10')
  assert.equal(nextAddress(small, new Set(), { preferred: '10.2.0.4' }), '10.1.0.2')
})

test('a whole pool is given out, each address once, never a reserved one', () => {
  fc.assert(
    fc.property(fc.integer({ min: 22, max: 30 }), fc.nat(200), (prefix, start) => {
      const chosen = pool(`10.1.0.0/${prefix}`, { auxiliary: { nas: '10.1.0.2' } })
      const used = new Set<string>()
      let after: string | undefined = `10.1.0.${start}`
      for (;;) {
        const address = nextAddress(chosen, used, { after })
        if (address === undefined) break
        assert.ok(!used.has(address))
        used.add(address)
        after = address
      }
      // all but network, broadcast, gateway and the auxiliary one
      assert.equal(used.size, 2 ** (32 - prefix) - 4)
      for (const reserved of ['10.1.0.0', '10.1.0.1', '10.1.0.2']) assert.ok(!used.has(reserved))
    }),
    { numRuns: 20 },
  )
})

test('addresses come from the range when there is one', () => {
  const ranged = pool('10.1.0.0/16', { range: '10.1.7.0/30' })
  const range = parseCidr('10.1.7.0/30')
  const used = new Set<string>()
  for (let address = nextAddress(ranged, used); address !== undefined; address = nextAddress(ranged, used)) {
    const parsed = parseAddress(address)
    assert.ok(range && parsed && contains(range, parsed))
    used.add(address)
  }
  assert.equal(used.size, 4)
})

test('static addresses', () => {
  const pools = [pool('172.28.0.0/16', { chosen: true }), pool('fd00:5::/64', { chosen: true })]
  assert.equal(checkStaticAddress(pools, '172.28.0.9', 4, 'n'), '172.28.0.9/16')
  assert.equal(checkStaticAddress(pools, 'fd00:5:0::9', 6, 'n'), 'fd00:5::9/64')
  for (const text of ['172.29.0.9', '172.28.0.1', '172.28.0.0', '172.28.255.255', 'fd00:5::9', 'x'])
    assert.throws(() => checkStaticAddress(pools, text, 4, 'n'), { code: 'INVALID_ADDRESS' }, text)
  assert.throws(() => checkStaticAddress([pool('172.28.0.0/16')], '172.28.0.9', 4, 'n'), {
    code: 'INVALID_ADDRESS',
    message: /user configured subnets/,
  })
})
