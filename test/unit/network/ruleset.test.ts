/** The nftables table as text: golden files to review, and deltas that add up to the whole. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  renderDelta,
  renderTable,
  toElements,
  type BridgeRules,
  type RulesetModel,
} from '../../../src/network/ruleset.ts'
import type { PublishedBinding } from '../../../src/state/networks.ts'

const GOLDEN = new URL('../../golden/nft/', import.meta.url)

const bridge = (name: string, subnet: string, more: Partial<BridgeRules> = {}): BridgeRules => ({
  name,
  subnets4: [subnet],
  subnets6: [],
  internal: false,
  icc: true,
  masquerade: true,
  mode4: 'nat',
  mode6: 'nat',
  trusted: [],
  ...more,
})

const port = (hostIp: string, hostPort: number, containerIp: string, more: Partial<PublishedBinding> = {}) => ({
  protocol: 'tcp' as const,
  hostIp,
  hostPort,
  containerPort: 80,
  containerIp,
  ...more,
})

const NONE = { 4: [], 6: [] } as const

const MODELS: Readonly<Record<string, RulesetModel>> = {
  empty: { bridges: [], published: [], shut: NONE },
  'one-network': {
    bridges: [bridge('mc3fa-00000001', '172.18.0.0/24')],
    published: [port('0.0.0.0', 8080, '172.18.0.2'), port('127.0.0.1', 5432, '172.18.0.3', { containerPort: 5432 })],
    shut: NONE,
  },
  mix: {
    bridges: [
      bridge('mc3fa-00000001', '172.18.0.0/24'),
      bridge('mc3fa-00000002', '172.18.1.0/24', { internal: true }),
      bridge('mc3fa-00000003', '172.18.2.0/24', { icc: false, masquerade: false }),
      bridge('mc3fa-00000004', '172.18.3.0/24', { mode4: 'open', subnets6: ['fd3f:a9c1::/64'] }),
    ],
    published: [
      port('0.0.0.0', 53, '172.18.0.2', { protocol: 'udp', containerPort: 53 }),
      port('192.0.2.2', 8080, '172.18.0.2'),
      port('0.0.0.0', 8081, '172.18.3.2'),
      port('::', 8081, 'fd3f:a9c1::2'),
      port('fd00::2', 8082, 'fd3f:a9c1::2'),
    ],
    shut: { 4: ['eth0', 'wlan0'], 6: ['eth0'] },
  },
}

/** One network for each mix of options, with the ports that a container of it publishes at 8080 and, loopback only, at 8081. */
const MIXES: Readonly<Record<string, Partial<BridgeRules>>> = {
  plain: {},
  'no-icc': { icc: false },
  'no-masquerade': { masquerade: false },
  'no-icc-no-masquerade': { icc: false, masquerade: false },
  internal: { internal: true },
  'internal-no-icc': { internal: true, icc: false },
  isolated: { internal: true, mode4: 'isolated', mode6: 'isolated' },
  unprotected: { mode4: 'open', mode6: 'open' },
  'unprotected-no-masquerade': { mode4: 'open', mode6: 'open', masquerade: false },
  routed: { mode4: 'routed', mode6: 'routed' },
  'routed-ipv6-only': { mode6: 'routed' },
  'routed-no-icc': { mode4: 'routed', mode6: 'routed', icc: false },
  trusted: { trusted: ['wg0'] },
  'trusted-no-masquerade': { trusted: ['wg0', 'eth1'], masquerade: false },
  'ipv4-only': { subnets6: [] },
  'ipv6-only': { subnets4: [] },
  'two-subnets': { subnets4: ['172.18.0.0/24', '172.19.0.0/24'] },
}

function mixModel(more: Partial<BridgeRules>): RulesetModel {
  const rules = bridge('mc3fa-00000001', '172.18.0.0/24', { subnets6: ['fd3f:a9c1::/64'], ...more })
  const published = (any: string, loopback: string, containerIp: string, mode: BridgeRules['mode4']) =>
    mode === 'routed'
      ? [port(any, 0, containerIp)]
      : [port(any, 8080, containerIp), port(loopback, 8081, containerIp, { containerPort: 81 })]
  return {
    shut: NONE,
    bridges: [rules],
    published: rules.internal
      ? []
      : [
          ...(rules.subnets4.length > 0 ? published('0.0.0.0', '127.0.0.1', '172.18.0.2', rules.mode4) : []),
          ...(rules.subnets6.length > 0 ? published('::', '::1', 'fd3f:a9c1::2', rules.mode6) : []),
          // a relayed port, which is none of the kernel's
          ...(rules.subnets6.length === 0 ? [port('::', 8080, '172.18.0.2')] : []),
        ],
  }
}

/** The sets that hold something: the chains are the same in every table. */
function formatElements(model: RulesetModel): string {
  return Object.entries(toElements(model))
    .filter(([, elements]) => elements.size > 0)
    .map(([name, elements]) => {
      const texts = [...elements].map(([key, value]) => (value === '' ? key : `${key} : ${value}`))
      return `  ${name.padEnd(14)}${texts.toSorted().join(', ')}\n`
    })
    .join('')
}

test('what each mix of options puts into the sets', (t) => {
  const text = Object.entries(MIXES).map(([name, more]) => `${name}\n${formatElements(mixModel(more))}`)
  t.assert.fileSnapshot(text.join('\n'), new URL('mixes.txt', GOLDEN).pathname, { serializers: [String] })
})

for (const [name, model] of Object.entries(MODELS))
  test(`the table: ${name}`, (t) => {
    t.assert.fileSnapshot(renderTable('mycompose_3fa9c1', toElements(model)), new URL(`${name}.nft`, GOLDEN).pathname, {
      serializers: [String],
    })
  })

test('a change of elements: only what differs', (t) => {
  const before = MODELS['one-network']
  const after = MODELS['mix']
  assert.ok(before && after)
  const there = renderDelta('mycompose_3fa9c1', toElements(before), toElements(after))
  t.assert.fileSnapshot(there, new URL('one-network-to-mix.nft', GOLDEN).pathname, { serializers: [String] })
  assert.equal(renderDelta('t', toElements(after), toElements(after)), '')
})

test('applied in turn, a delta gives the other model', () => {
  const name = fc.integer({ min: 1, max: 6 }).map((n) => `mc3fa-0000000${n}`)
  const aBridge = fc.record({
    name,
    internal: fc.boolean(),
    icc: fc.boolean(),
    masquerade: fc.boolean(),
    mode4: fc.constantFrom('nat', 'open', 'routed', 'isolated'),
    trusted: fc.constantFrom([], ['wg0'], ['wg0', 'eth1']),
  })
  const aPort = fc.record({ hostPort: fc.integer({ min: 1, max: 5 }), ip: fc.constantFrom('0.0.0.0', '127.0.0.1') })
  const model = fc
    .tuple(fc.uniqueArray(aBridge, { selector: (each) => each.name }), fc.array(aPort))
    .map(([bridges, ports]): RulesetModel => ({
      shut: { 4: bridges.map(({ icc }) => (icc ? 'eth0' : 'eth1')), 6: [] },
      bridges: bridges.map((each) => bridge(each.name, `172.18.${each.name.at(-1)}.0/24`, each)),
      published: ports.map(({ hostPort, ip }, index) => port(ip, hostPort, `172.18.0.${index + 2}`)),
    }))
  fc.assert(
    fc.property(model, model, (one, other) => {
      const sets = toElements(one)
      const held = new Map(Object.entries(sets).map(([set, elements]) => [set, new Map(elements)]))
      for (const line of renderDelta('t', sets, toElements(other)).split('\n').filter(Boolean)) {
        const [, verb, set = '', list = ''] = /^(add|delete) element inet t (\S+) \{ (.*) \}$/.exec(line) ?? []
        for (const element of list.split(', ')) {
          const [key = '', value = ''] = element.split(' : ')
          if (verb === 'delete') assert.ok(held.get(set)?.delete(key), `${set} has no ${key}`)
          else {
            assert.ok(!held.get(set)?.has(key), `${set} has ${key} already`)
            held.get(set)?.set(key, value)
          }
        }
      }
      assert.deepEqual(Object.fromEntries(held), { ...toElements(other) })
    }),
  )
})
