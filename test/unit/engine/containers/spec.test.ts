import assert from 'node:assert/strict'
import { test } from 'node:test'
import { capabilitiesOfMask, chooseCapabilities } from '../../../../src/engine/containers/spec/capabilities.ts'
import { parseDeviceRule } from '../../../../src/engine/containers/spec/devices.ts'
import { toRlimits } from '../../../../src/engine/containers/spec/rlimits.ts'
import { DEFAULT_PROFILE, flattenProfile } from '../../../../src/engine/containers/spec/seccomp.ts'
import { formatOci, toOciSpec, type SpecInput } from '../../../../src/engine/containers/spec/spec.ts'
import { toSysctls } from '../../../../src/engine/containers/spec/sysctls.ts'
import type { OciSpec } from '../../../../src/engine/containers/spec/oci.ts'

const GOLDEN = new URL('../../../golden/oci/', import.meta.url)
const capabilities = chooseCapabilities({
  privileged: false,
  add: [],
  drop: [],
  available: capabilitiesOfMask('1ffffffffff'),
})

const PLAIN: SpecInput = {
  rootfs: '/var/lib/mycompose/containers/abc/merged',
  hostname: 'abc',
  domainname: '',
  args: ['nginx', '-g', 'daemon off;'],
  env: ['NGINX=1'],
  workingDir: '/',
  tty: false,
  user: { uid: 0, gid: 0, additionalGids: [0], home: '/root' },
  hostConfig: {},
  capabilities,
  rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1048576, hard: 1048576 }],
  noNewPrivileges: false,
  unconfinedSystemPaths: false,
  devices: [],
  namespaces: {
    network: { kind: 'path', path: '/run/mycompose/netns/abc' },
    pid: { kind: 'private' },
    ipc: { kind: 'private' },
    uts: { kind: 'private' },
    cgroup: { kind: 'private' },
  },
  cgroupsPath: '/mycompose-3fa9c1/abc',
  resources: {},
  seccomp: { kind: 'program', base64: 'QlBG' },
  thermalThrottle: [],
  annotations: {},
  apparmorProfile: undefined,
  cdi: [],
  mounts: [],
  etcFiles: { hosts: '/c/hosts', hostname: '/c/hostname', resolvConf: '/c/resolv.conf' },
  sharedMemory: { kind: 'private', sizeBytes: 67108864 },
  initPath: undefined,
  recursiveReadOnly: new Set(),
}

const CASES: { name: string; input: SpecInput }[] = [
  { name: 'plain', input: PLAIN },
  {
    name: 'devices-by-name',
    input: {
      ...PLAIN,
      annotations: { 'com.example.team': 'a' },
      apparmorProfile: 'my-profile',
      cdi: [
        {
          mounts: [{ hostPath: '/usr/lib/libcuda.so', containerPath: '/usr/lib/libcuda.so' }],
          hooks: [{ hookName: 'createContainer', path: '/usr/bin/nvidia-cdi-hook', args: ['nvidia-cdi-hook', 'x'] }],
        },
      ],
    },
  },
  {
    name: 'everything',
    input: {
      ...PLAIN,
      domainname: 'example.org',
      recursiveReadOnly: new Set(['/app/src']),
      tty: true,
      workingDir: '/app',
      user: { uid: 1000, gid: 1000, additionalGids: [1000, 44], home: '/home/app' },
      hostConfig: {
        ReadonlyRootfs: true,
        Sysctls: { 'net.core.somaxconn': '1024' },
        OomScoreAdj: 500,
        DeviceCgroupRules: ['c 189:* rmw'],
        Annotations: { 'run.oci.hooks.stdout': '/host' },
      },
      noNewPrivileges: true,
      devices: [
        { path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0, access: 'rwm' },
      ],
      resources: { memory: { limit: 67108864, swap: 134217728 }, pids: { limit: 100 } },
      mounts: [
        {
          kind: 'bind',
          source: '/srv/app',
          destination: '/app/src',
          readOnly: true,
          propagation: 'rslave',
          recursive: true,
          createSource: false,
          mode: 'ro',
        },
        {
          kind: 'volume',
          name: 'data',
          source: '/var/lib/mycompose/volumes/data/_data',
          destination: '/data',
          readOnly: false,
          copyUp: true,
          anonymous: false,
          subpath: '',
          driver: 'local',
          mode: 'z',
        },
        { kind: 'tmpfs', destination: '/run', options: ['size=1m', 'exec'] },
        { kind: 'tmpfs', destination: '/dev/shm', options: [] },
      ],
      initPath: '/usr/bin/tini',
    },
  },
  {
    name: 'privileged-host',
    input: {
      ...PLAIN,
      hostConfig: { Privileged: true },
      namespaces: {
        network: { kind: 'host' },
        pid: { kind: 'host' },
        ipc: { kind: 'host' },
        uts: { kind: 'host' },
        cgroup: { kind: 'host' },
      },
      sharedMemory: { kind: 'bind', source: '/dev/shm' },
      seccomp: { kind: 'unconfined' },
    },
  },
]

for (const { name, input } of CASES)
  test(`spec ${name}`, (t) => {
    const text = JSON.stringify(toOciSpec(input), undefined, 2)
    t.assert.fileSnapshot(`${text}\n`, new URL(`${name}.json`, GOLDEN).pathname, { serializers: [String] })
  })

test('annotations of users and labels of images never get into the spec (CVE-2026-53488)', () => {
  const spec = toOciSpec({ ...PLAIN, hostConfig: { Annotations: { 'run.oci.handler': 'x', a: 'b' } } })
  assert.deepEqual(Object.keys(spec.annotations ?? {}), ['run.oci.seccomp_bpf_data'])
})

test('limits without end are written as the runtimes read them', () => {
  const rlimits = toRlimits(
    { ulimits: [{ Name: 'memlock', Soft: -1, Hard: -1 }], hardLimits: { nofile: 20000 }, mayRaise: true },
    () => assert.fail('nothing is lowered'),
  )
  const text = formatOci(toOciSpec({ ...PLAIN, rlimits }))
  assert.ok(text.includes('{"type":"RLIMIT_MEMLOCK","soft":18446744073709551615,"hard":18446744073709551615}'))
  assert.ok(text.includes('{"type":"RLIMIT_NOFILE","soft":20000,"hard":20000}'))
  assert.equal((JSON.parse(text) as OciSpec).process.args[0], 'nginx')
})

test('limits above what the engine may set are lowered, and told', () => {
  const warnings: string[] = []
  const [limit] = toRlimits(
    { ulimits: [{ Name: 'nofile', Soft: 50, Hard: 65536 }], hardLimits: { nofile: 20000 }, mayRaise: false },
    (text) => warnings.push(text),
  )
  assert.deepEqual(limit, { type: 'RLIMIT_NOFILE', soft: 50, hard: 20000 })
  assert.match(warnings[0] ?? '', /nofile=65536 .* lowered to 20000/)
})

test('unknown limits and soft above hard are errors', () => {
  const base = { hardLimits: {}, mayRaise: true }
  const silent = (): void => {}
  assert.throws(() => toRlimits({ ...base, ulimits: [{ Name: 'x', Soft: 1, Hard: 1 }] }, silent), /invalid ulimit type/)
  assert.throws(() => toRlimits({ ...base, ulimits: [{ Name: 'core', Soft: 2, Hard: 1 }] }, silent), /soft limit/)
})

const OWN = { privateNetwork: true, privateIpc: true, privateUts: true, domainname: '' }
test('sysctls of the host are refused', () => {
  for (const [name, input] of [
    ['net.ipv4.ip_forward', { ...OWN, privateNetwork: false }],
    ['kernel.shmmax', { ...OWN, privateIpc: false }],
    ['kernel.panic', OWN],
    ['vm.swappiness', OWN],
    ['fs.file-max', OWN],
  ] as const)
    assert.throws(() => toSysctls({ ...input, sysctls: { [name]: '1' } }), { code: 'INVALID_REQUEST' }, name)
  assert.equal(toSysctls({ ...OWN, sysctls: { 'fs.mqueue.msg_max': '5' } })['fs.mqueue.msg_max'], '5')
})

test('device rules', () => {
  assert.deepEqual(parseDeviceRule('c 189:* rmw'), { allow: true, type: 'c', major: 189, access: 'rmw' })
  for (const bad of ['c 189', 'x 1:1 r', 'c 1:1 x', 'c 1:1 r; a']) assert.throws(() => parseDeviceRule(bad))
})

const scope = { capabilities, arch: 'x64', kernelRelease: '6.1.0-18-amd64' }
const actionsOf = (name: string, at: typeof scope): string[] =>
  flattenProfile(DEFAULT_PROFILE, at)
    .syscalls.filter(({ names }) => names.includes(name))
    .map(({ action, errnoRet, args }) => [action, errnoRet ?? '', args === undefined ? '' : 'args'].join(' ').trim())

test('seccomp: what needs a capability is denied without it', () => {
  const admin = { ...scope, capabilities: [...capabilities, 'CAP_SYS_ADMIN'] }
  for (const name of ['mount', 'unshare', 'setns', 'bpf', 'keyctl', 'add_key', 'kexec_load', 'reboot', 'init_module'])
    assert.deepEqual(actionsOf(name, scope), [], name)
  assert.deepEqual(actionsOf('mount', admin), ['SCMP_ACT_ALLOW'])
  assert.deepEqual(actionsOf('clone3', scope), ['SCMP_ACT_ERRNO 38'])
  assert.deepEqual(actionsOf('clone3', admin), ['SCMP_ACT_ALLOW'])
  assert.deepEqual(actionsOf('clone', scope), ['SCMP_ACT_ALLOW  args'])
  assert.deepEqual(actionsOf('chroot', scope), ['SCMP_ACT_ALLOW'])
  assert.deepEqual(actionsOf('read', scope), ['SCMP_ACT_ALLOW'])
  assert.equal(actionsOf('ptrace', { ...scope, kernelRelease: '4.4.0' }).length, 0)
  assert.equal(actionsOf('ptrace', scope).length, 1)
})

test('seccomp: architectures of the machine, the native one first', () => {
  assert.deepEqual(flattenProfile(DEFAULT_PROFILE, scope).architectures[0], 'SCMP_ARCH_X86_64')
  assert.deepEqual(actionsOf('arch_prctl', { ...scope, arch: 'arm64' }), [])
  assert.throws(() => flattenProfile(DEFAULT_PROFILE, { ...scope, arch: 'mips' }), /no seccomp architecture/)
})
