/**
 * Beside the rules of others: a ruleset of the user's own that drops what is forwarded, firewalld's and Docker's way of
 * refusing. What goes on working, what doctor says, and that its advice, followed to the letter, mends it.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import type { EngineContext } from '../../src/engine/context.ts'
import { checkFirewall } from '../../src/engine/doctor-network.ts'
import type { Sandbox } from '../../src/engine/services/index.ts'
import { createHarness, type Harness } from './network-harness.ts'

let harness: Harness
let lan: string
let web: Sandbox

before(async () => {
  harness = await createHarness()
  await harness.service.recover([])
  lan = harness.lan()
  await harness.service.create({ Name: 'app' })
  web = await harness.open(1, { endpoints: { app: {} }, portBindings: { '80/tcp': [{ HostPort: '8080' }] } })
  harness.serveTcp(web.netnsPath, 80, 'web')
  harness.serveTcp(lan, 8000, 'lan')
})
after(() => harness.close())
afterEach(() =>
  harness.run(
    undefined,
    'nft',
    'table ip filter; delete table ip filter; table inet firewalld; delete table inet firewalld; table inet mine; delete table inet mine',
  ),
)

const doctor = () => checkFirewall(harness.base as unknown as EngineContext)

/** Host -> container, LAN -> published port, container -> LAN. */
async function ways(): Promise<readonly boolean[]> {
  const shut = await Promise.all([
    harness.isShut(undefined, '127.0.0.1', 8080),
    harness.isShut(lan, '10.77.0.1', 8080),
    harness.isShut(web.netnsPath, '10.77.0.2', 8000),
  ])
  return shut.map((each) => !each)
}

const RULESETS = [
  {
    name: 'a ruleset of the user’s own with policy drop',
    text: `table inet mine {
      chain forward { type filter hook forward priority filter; policy drop; ct state established,related accept; }
      chain input { type filter hook input priority filter; policy drop; iifname "lo" accept; ct state established,related accept; }
    }`,
    before: [true, false, false],
  },
  {
    name: 'firewalld’s forward chain, which accepts what was redirected and refuses the rest',
    text: `table inet firewalld {
      chain filter_FORWARD {
        type filter hook forward priority filter + 10; policy accept;
        ct state { established, related } accept
        ct status dnat accept
        iifname "lo" accept
        reject with icmpx admin-prohibited
      }
    }`,
    before: [true, true, false],
  },
  {
    name: 'Docker’s FORWARD chain',
    text: `table ip filter {
      chain DOCKER-USER { }
      chain FORWARD { type filter hook forward priority filter; policy drop; jump DOCKER-USER; }
    }`,
    before: [true, false, false],
  },
] as const

for (const { name, text, before: expected } of RULESETS)
  test(name, async () => {
    assert.deepEqual(await ways(), [true, true, true])
    assert.equal((await doctor())[0]?.status, 'ok')
    await harness.host.nft.apply(`${text}\n`)
    assert.deepEqual(await ways(), expected)
    const [finding] = await doctor()
    assert.equal(finding?.status, 'warning')
    assert.match(finding?.message ?? '', /chain (inet mine forward|inet firewalld filter_FORWARD|ip filter FORWARD)/)
    const { bridgePrefix } = harness.base.config
    const [, family = '', table = '', chain = ''] = /chain (\S+) (\S+) (\S+)/.exec(finding?.message ?? '') ?? []
    if (table === 'mine') await harness.run(undefined, 'bash', '-c', finding?.fix ?? 'false')
    else {
      // their own programs are not here: what the advice makes them do to the kernel's rules
      assert.match(finding?.fix ?? '', new RegExp(`(firewall-cmd|iptables -I DOCKER-USER) .*'${bridgePrefix}\\+'`))
      const into = table === 'filter' ? 'DOCKER-USER' : chain
      for (const side of ['iifname', 'oifname'])
        await harness.run(undefined, 'nft', `insert rule ${family} ${table} ${into} ${side} "${bridgePrefix}*" accept`)
    }
    assert.deepEqual(await ways(), [true, true, true])
    assert.deepEqual(
      (await doctor()).map(({ status }) => status === 'ok'),
      (await doctor()).map(() => true),
    )
  })

test('an input chain that drops: names and published ports go on, and doctor says what it is for', async () => {
  await harness.host.nft.apply(
    'table inet mine { chain input { type filter hook input priority filter; policy drop; ct state established,related accept; }\n }\n',
  )
  assert.deepEqual(await ways(), [true, true, true])
  assert.match(
    await harness.run(web.netnsPath, 'busybox', 'nslookup', 'c1', '127.0.0.11'),
    new RegExp(web.endpoints['app']?.IPAddress ?? 'no address'),
  )
  const finding = (await doctor()).find(({ check }) => check === 'firewall-input')
  assert.match(finding?.message ?? '', /chain inet mine input .*publish at 127\.0\.0\.1/)
})
