import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DoctorFinding } from '../../../src/api/types/index.ts'
import { engineConfig } from '../../../src/engine/config.ts'
import type { EngineContext } from '../../../src/engine/context.ts'
import { checkAddresses } from '../../../src/engine/doctor-addresses.ts'
import { presenceOf } from '../../../src/engine/doctor-features.ts'
import { checkClock, checkLimits, hardLimit } from '../../../src/engine/doctor-limits.ts'

const config = engineConfig('/r', '0')

describe('parts of the kernel', () => {
  const veth = { module: 'veth', option: 'VETH' }
  const masq = { module: 'nft_masq', option: 'NFT_MASQ' }
  const modules = 'kernel/drivers/net/veth.ko.xz: kernel/net/x.ko\nkernel/net/netfilter/nft-masq.ko\n'
  const cases = [
    { name: 'built in', feature: veth, config: 'CONFIG_VETH=y\n', modules: undefined, want: 'there' },
    { name: 'not built', feature: veth, config: '# CONFIG_VETH is not set\n', modules, want: 'absent' },
    { name: 'a module that is there', feature: veth, config: 'CONFIG_VETH=m\n', modules, want: 'there' },
    {
      name: 'a module that was not installed',
      feature: veth,
      config: 'CONFIG_VETH=m\n',
      modules: 'a.ko:',
      want: 'absent',
    },
    { name: 'no configuration: by the modules', feature: masq, config: undefined, modules, want: 'there' },
    { name: 'nothing to tell by', feature: veth, config: undefined, modules: undefined, want: 'unknown' },
    {
      name: 'another of similar name',
      feature: veth,
      config: 'CONFIG_VETHX=y\n',
      modules: 'xveth.ko:',
      want: 'absent',
    },
  ] as const
  for (const { name, feature, want, ...texts } of cases) it(name, () => assert.equal(presenceOf(feature, texts), want))
})

describe('limits', () => {
  const limits = `Limit                     Soft Limit           Hard Limit           Units
Max processes             unlimited            unlimited            processes
Max open files            256                  1024                 files
`
  it('are read', () => {
    assert.equal(hardLimit(limits, 'Max open files'), 1024)
    assert.equal(hardLimit(limits, 'Max processes'), Number.POSITIVE_INFINITY)
  })

  it('too low ones are named with what raises them', async () => {
    const texts: Readonly<Record<string, string>> = {
      '/proc/self/limits': limits,
      '/proc/sys/kernel/pid_max': '4194304\n',
      '/proc/sys/fs/inotify/max_user_instances': '16\n',
      '/proc/sys/fs/inotify/max_user_watches': '1048576\n',
    }
    const context = { host: { files: { readTextSync: (path: string) => texts[path] } } } as unknown as EngineContext
    const low = (await checkLimits(context)).filter(({ status }) => status === 'warning')
    assert.deepEqual(
      low.map(({ check }) => check),
      ['nofile', 'inotify'],
    )
    assert.match(low[0]?.fix ?? '', /LimitNOFILE/)
    assert.match(low[1]?.fix ?? '', /max_user_instances/)
  })

  it('a clock that is behind the files', async () => {
    const at = async (nowMs: number): Promise<DoctorFinding | undefined> => {
      const host = { clock: { nowMs: () => nowMs }, files: { stat: async () => ({ mtimeMs: 1_800_000_000_000 }) } }
      return (await checkClock({ host, config } as unknown as EngineContext))[0]
    }
    assert.equal((await at(1_800_000_000_001))?.status, 'ok')
    assert.equal((await at(0))?.status, 'warning')
  })
})

describe('addresses', () => {
  async function check(routes: readonly string[], subnets: readonly string[]): Promise<DoctorFinding[]> {
    const host = {
      links: { routes: () => routes.map((destination) => ({ destination, device: 'tun0' })), addresses: () => [] },
    }
    const networks = {
      list: async () => subnets.map((Subnet, index) => ({ Name: `n${index}`, IPAM: { Config: [{ Subnet }] } })),
    }
    return checkAddresses({ host, networks, config } as unknown as EngineContext)
  }

  it('the own route of a network is no clash, a wider one of a VPN is', async () => {
    assert.deepEqual(
      (await check(['0.0.0.0/0', '172.20.1.0/24'], ['172.20.1.0/24'])).map(({ status }) => status),
      ['ok'],
    )
    const [pools, clash] = await check(['172.16.0.0/12'], ['172.20.1.0/24'])
    assert.equal(pools?.status, 'ok')
    assert.match(clash?.message ?? '', /network n0 overlaps a route by tun0/)
  })

  it('no subnet left', async () => {
    const [pools] = await check(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'], [])
    assert.equal(pools?.status, 'failed')
  })
})
