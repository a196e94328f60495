import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkFirewall } from '../../../src/engine/doctor-network.ts'
import { compareVersions, judgeProgram } from '../../../src/engine/doctor-holes.ts'
import { lacksByFeatures, lacksByVersion } from '../../../src/engine/doctor-runtime.ts'
import type { EngineContext } from '../../../src/engine/context.ts'
import { engineConfig } from '../../../src/engine/config.ts'

describe('doctor', () => {
  it('compares versions by number', () => {
    assert.ok(compareVersions('1.9', '1.10') < 0)
    assert.ok(compareVersions('1.30', '1.30.0') === 0)
    assert.ok(compareVersions('2.0', '1.99.9') > 0)
    assert.ok(compareVersions('1.4.0-rc.2', '1.4.0-rc.10') < 0)
    assert.ok(compareVersions('1.4.0-rc.3', '1.4.0') < 0)
    assert.ok(compareVersions('1.4.0-rc.3', '1.3.9') > 0)
  })

  const runtimes = [
    { program: 'crun', version: '1.8.1', has: ['CVE-2026-88264'], hasNot: ['CVE-2026-30892'] },
    { program: 'crun', version: '1.20', has: ['CVE-2026-88264', 'CVE-2026-30892'], hasNot: [] },
    { program: 'crun', version: '1.30', has: [], hasNot: ['CVE'] },
    { program: 'runc', version: '1.1.5', has: ['CVE-2025-31133', 'CVE-2026-41579'], hasNot: [] },
    { program: 'runc', version: '1.3.4', has: ['CVE-2026-41579'], hasNot: ['CVE-2025-31133'] },
    { program: 'runc', version: '1.1.13', has: ['CVE-2024-45310'], hasNot: ['CVE-2024-21626'] },
    { program: 'runc', version: '1.2.8', has: ['CVE-2026-41579'], hasNot: ['CVE-2025-31133', 'CVE-2024-45310'] },
    { program: 'runc', version: '1.4.0-rc.2', has: ['CVE-2025-31133'], hasNot: [] },
    { program: 'runc', version: '1.4.3', has: [], hasNot: ['CVE'] },
    { program: 'conmon', version: '2.1.6', has: ['rhbz#2348843'], hasNot: ['#475'] },
    { program: 'conmon', version: '2.1.9', has: ['#475'], hasNot: ['#632'] },
    { program: 'conmon', version: '2.2.0', has: ['#632'], hasNot: ['rhbz'] },
    { program: 'conmon', version: '2.2.1', has: [], hasNot: ['#'] },
    { program: 'unheard-of', version: '1', has: [], hasNot: [] },
  ]
  for (const { program, version, has, hasNot } of runtimes)
    it(`${program} ${version}`, () => {
      const finding = judgeProgram(program, version)
      assert.equal(finding.status, has.length === 0 ? 'ok' : 'warning')
      for (const id of has) assert.ok(finding.message.includes(id), id)
      for (const id of hasNot) assert.ok(!finding.message.includes(id), id)
    })

  const firewalls = [
    { name: 'nothing', chains: [], rules: undefined, status: 'ok', fix: undefined },
    {
      name: 'ufw',
      chains: [
        { family: 'ip', table: 'filter', name: 'FORWARD', hook: 'forward', policy: 'drop' },
        { family: 'ip', table: 'filter', name: 'ufw-before-forward' },
      ],
      status: 'warning',
      fix: /ufw default allow routed/,
    },
    {
      name: 'Docker',
      chains: [
        { family: 'ip', table: 'filter', name: 'FORWARD', hook: 'forward', policy: 'drop' },
        { family: 'ip', table: 'filter', name: 'DOCKER-USER' },
      ],
      status: 'warning',
      fix: /DOCKER-USER/,
    },
    {
      name: 'firewalld, whose last rule refuses',
      chains: [{ family: 'inet', table: 'firewalld', name: 'filter_FORWARD', hook: 'forward', policy: 'accept' }],
      rules: [
        { rule: { chain: 'filter_FORWARD', expr: [{ match: { op: '==', left: {}, right: 'lo' } }, { accept: null }] } },
        { rule: { chain: 'filter_FORWARD', expr: [{ reject: { type: 'icmpx', expr: 'admin-prohibited' } }] } },
      ],
      status: 'warning',
      fix: /firewall-cmd .*--zone=trusted/,
    },
    {
      name: 'another engine of ours',
      chains: [{ family: 'inet', table: 'mycompose_abcdef', name: 'forward', hook: 'forward', policy: 'drop' }],
      status: 'ok',
      fix: undefined,
    },
  ]
  for (const { name, chains, rules, status, fix } of firewalls)
    it(`firewall: ${name}`, async () => {
      const nft = {
        list: (what: string) =>
          Promise.resolve({ nftables: what === 'chains' ? chains.map((chain) => ({ chain })) : (rules ?? []) }),
      }
      const context = { host: { nft }, config: engineConfig('/r', '0') } as unknown as EngineContext
      const [finding] = await checkFirewall(context)
      assert.equal(finding?.status, status)
      if (fix === undefined) assert.equal(finding?.fix, undefined)
      else assert.match(finding?.fix ?? '', fix)
    })
})

describe('what a runtime was built without', () => {
  it('by its features', () => {
    const namespaces = ['cgroup', 'ipc', 'mount', 'network', 'pid', 'user', 'uts']
    const text = (linux: object): string => JSON.stringify({ ociVersionMin: '1.0.0', linux })
    const whole = { namespaces, cgroup: { v1: true, v2: true }, seccomp: { enabled: true } }
    assert.deepEqual(lacksByFeatures(text(whole), 2), [])
    const old = { namespaces: namespaces.slice(1), cgroup: { v1: true, v2: false }, seccomp: { enabled: false } }
    assert.deepEqual(lacksByFeatures(text(old), 2), ['cgroup namespaces', 'cgroup v2', 'seccomp'])
    assert.deepEqual(lacksByFeatures(text(old), 1), ['cgroup namespaces', 'seccomp'])
    assert.deepEqual(lacksByFeatures('{}', 1), [])
    assert.throws(() => lacksByFeatures('unknown command features', 1))
  })

  it('by its version', () => {
    const version = (built: string): string => `crun version 1.8.1\nspec: 1.0.0\n${built}\n`
    assert.deepEqual(lacksByVersion(version('+SYSTEMD +SELINUX +APPARMOR +CAP +SECCOMP +EBPF +YAJL')), [])
    assert.deepEqual(lacksByVersion(version('+SYSTEMD +CAP')), ['seccomp'])
    assert.deepEqual(lacksByVersion('crun version 0.1\n'), [])
  })
})
