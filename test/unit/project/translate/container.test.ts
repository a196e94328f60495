import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerCreateRequest, HostConfig } from '../../../../src/api/types/index.ts'
import type { ContainerSpec } from '../../../../src/project/plan.ts'
import { toCreateRequest } from '../../../../src/project/translate/container.ts'
import { project } from '../harness.ts'

interface Extra {
  readonly references?: Readonly<Record<string, string>>
  readonly spec?: Partial<ContainerSpec>
  readonly seccompProfiles?: Readonly<Record<string, string>>
  readonly rest?: string
}

/** The request for service "a" with these attributes. */
async function request(attributes: string, extra: Extra = {}): Promise<ContainerCreateRequest> {
  const { references = {}, spec = {}, seccompProfiles = {}, rest = '' } = extra
  const model = await project(`services:\n  a: { image: app, ${attributes} }\n  b: { image: app }\n${rest}`)
  const service = model.services['a']
  assert.ok(service)
  return toCreateRequest({
    project: model,
    references,
    seccompProfiles,
    version: '1',
    spec: {
      service,
      number: 1,
      name: 'p-a-1',
      imageId: 'sha256:i',
      inheritedVolumes: {},
      references: {},
      linked: {},
      ...spec,
    },
  })
}

async function host(attributes: string, extra: Extra = {}): Promise<HostConfig> {
  return (await request(attributes, extra)).HostConfig ?? {}
}

test('the smallest service', async () => {
  const { Labels, ...rest } = await request('')
  assert.deepEqual(rest, {
    Image: 'app',
    HostConfig: { NetworkMode: 'p_default' },
    NetworkingConfig: { EndpointsConfig: { p_default: { Aliases: ['p-a-1', 'a'] } } },
  })
  const { 'com.docker.compose.config-hash': hash, ...labels } = Labels ?? {}
  assert.match(hash ?? '', /^[0-9a-f]{64}$/)
  assert.deepEqual(labels, {
    'com.docker.compose.project': 'p',
    'com.docker.compose.service': 'a',
    'com.docker.compose.version': '1',
    'com.docker.compose.container-number': '1',
    'com.docker.compose.oneoff': 'False',
    'com.docker.compose.project.working_dir': '/work',
    'com.docker.compose.project.config_files': '/work/compose.yaml',
    'com.docker.compose.image': 'sha256:i',
    'com.docker.compose.depends_on': '',
  })
})

const CONFIG: readonly { name: string; attributes: string; want: Partial<ContainerCreateRequest> }[] = [
  {
    name: 'process',
    attributes:
      'command: [ echo, hi ], entrypoint: [], user: "1:2", working_dir: /w, tty: true, stdin_open: true, hostname: h',
    want: {
      Cmd: ['echo', 'hi'],
      Entrypoint: [],
      User: '1:2',
      WorkingDir: '/w',
      Tty: true,
      OpenStdin: true,
      Hostname: 'h',
    },
  },
  {
    name: 'environment: sorted, and null takes away',
    attributes: 'environment: { B: "2", A: "1=x", GONE: }',
    want: { Env: ['A=1=x', 'B=2', 'GONE'] },
  },
  {
    name: 'stop: grace is rounded up to whole seconds',
    attributes: 'stop_signal: SIGUSR1, stop_grace_period: 1500ms',
    want: { StopSignal: 'SIGUSR1', StopTimeout: 2 },
  },
  {
    name: 'healthcheck in nanoseconds',
    attributes:
      'healthcheck: { test: "curl x", interval: 1m30s, timeout: 2s, retries: 5, start_period: 1s, start_interval: 200ms }',
    want: {
      Healthcheck: {
        Test: ['CMD-SHELL', 'curl x'],
        Interval: 90e9,
        Timeout: 2e9,
        Retries: 5,
        StartPeriod: 1e9,
        StartInterval: 2e8,
      },
    },
  },
  {
    name: 'healthcheck turned off',
    attributes: 'healthcheck: { disable: true }',
    want: { Healthcheck: { Test: ['NONE'] } },
  },
  {
    name: 'ports and expose',
    attributes: 'ports: [ "80" ], expose: [ "9000-9001/udp" ]',
    want: { ExposedPorts: { '80/tcp': {}, '9000/udp': {}, '9001/udp': {} } },
  },
]

for (const { name, attributes, want } of CONFIG) {
  test(`config: ${name}`, async () => {
    const got = await request(attributes)
    for (const [key, value] of Object.entries(want)) assert.deepEqual(got[key as keyof typeof got], value, key)
  })
}

const HOST: readonly { name: string; attributes: string; rest?: string; want: Partial<HostConfig> }[] = [
  {
    name: 'ports: several bindings of one port, host address, random, udp',
    attributes: 'ports: [ "8080:80", "127.0.0.1:8081:80", "53:53/udp", "9000" ]',
    want: {
      PortBindings: {
        '53/udp': [{ HostIp: '', HostPort: '53' }],
        '80/tcp': [
          { HostIp: '', HostPort: '8080' },
          { HostIp: '127.0.0.1', HostPort: '8081' },
        ],
        '9000/tcp': [{ HostIp: '', HostPort: '' }],
      },
    },
  },
  {
    name: 'limits of the service',
    attributes:
      'mem_limit: 64m, mem_reservation: 32m, memswap_limit: -1, cpus: 0.5, pids_limit: 10, cpu_shares: 100, cpuset: "0"',
    want: {
      Memory: 67108864,
      MemoryReservation: 33554432,
      MemorySwap: -1,
      NanoCpus: 500_000_000,
      PidsLimit: 10,
      CpuShares: 100,
      CpusetCpus: '0',
    },
  },
  {
    name: 'limits of deploy',
    attributes: 'deploy: { resources: { limits: { cpus: "1.5", memory: 1g, pids: 5 }, reservations: { memory: 1m } } }',
    want: { Memory: 2 ** 30, NanoCpus: 1_500_000_000, PidsLimit: 5, MemoryReservation: 2 ** 20 },
  },
  {
    name: 'ulimits',
    attributes: 'ulimits: { nproc: 100, nofile: { soft: 10, hard: 20 } }',
    want: {
      Ulimits: [
        { Name: 'nofile', Soft: 10, Hard: 20 },
        { Name: 'nproc', Soft: 100, Hard: 100 },
      ],
    },
  },
  {
    name: 'restart',
    attributes: 'restart: "on-failure:3"',
    want: { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } },
  },
  {
    name: 'restart of deploy wins',
    attributes: 'restart: "no", deploy: { restart_policy: { condition: any } }',
    want: { RestartPolicy: { Name: 'always' } },
  },
  {
    name: 'mounts of all kinds',
    attributes:
      'volumes: [ "./src:/src:ro", "data:/data", /anonymous, { type: tmpfs, target: /t, tmpfs: { size: 1m, mode: 0700 } }, { type: bind, source: /x, target: /y, bind: { create_host_path: false, propagation: rslave } } ]',
    rest: 'volumes: { data: { name: real } }',
    want: {
      Mounts: [
        { Type: 'bind', Source: '/work/src', Target: '/src', ReadOnly: true, BindOptions: { CreateMountpoint: true } },
        { Type: 'volume', Source: 'real', Target: '/data', VolumeOptions: {} },
        { Type: 'volume', Target: '/anonymous', VolumeOptions: {} },
        { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 2 ** 20, Mode: 0o700 } },
        { Type: 'bind', Source: '/x', Target: '/y', BindOptions: { Propagation: 'rslave' } },
      ],
    },
  },
  {
    name: 'tmpfs',
    attributes: 'tmpfs: [ /a, "/b:size=1m,mode=755" ]',
    want: { Tmpfs: { '/a': '', '/b': 'size=1m,mode=755' } },
  },
  {
    name: 'files of secrets and configs are read-only binds',
    attributes: 'secrets: [ pw ], configs: [ { source: conf, target: /etc/conf } ]',
    rest: 'secrets: { pw: { file: ./pw.txt } }\nconfigs: { conf: { file: /etc/hostname } }',
    want: {
      Mounts: [
        { Type: 'bind', Source: '/work/pw.txt', Target: '/run/secrets/pw', ReadOnly: true, BindOptions: {} },
        { Type: 'bind', Source: '/etc/hostname', Target: '/etc/conf', ReadOnly: true, BindOptions: {} },
      ],
    },
  },
  {
    name: 'isolation',
    attributes:
      'privileged: true, cap_add: [ NET_ADMIN ], cap_drop: [ ALL ], read_only: true, init: true, shm_size: 1m, sysctls: { net.core.somaxconn: 1 }, group_add: [ "5" ], cgroup_parent: x, pid: host, ipc: shareable, uts: host',
    want: {
      Privileged: true,
      CapAdd: ['NET_ADMIN'],
      CapDrop: ['ALL'],
      ReadonlyRootfs: true,
      Init: true,
      ShmSize: 2 ** 20,
      Sysctls: { 'net.core.somaxconn': '1' },
      GroupAdd: ['5'],
      CgroupParent: 'x',
      PidMode: 'host',
      IpcMode: 'shareable',
      UTSMode: 'host',
    },
  },
  {
    name: 'devices',
    attributes: 'devices: [ "/dev/fuse", "/dev/a:/dev/b:r" ]',
    want: {
      Devices: [
        { PathOnHost: '/dev/fuse', PathInContainer: '/dev/fuse', CgroupPermissions: 'rwm' },
        { PathOnHost: '/dev/a', PathInContainer: '/dev/b', CgroupPermissions: 'r' },
      ],
    },
  },
  {
    name: 'names',
    attributes: 'dns: 1.1.1.1, dns_search: x, dns_opt: [ ndots:1 ], extra_hosts: [ "h:1.2.3.4", "six=::1" ]',
    want: { Dns: ['1.1.1.1'], DnsSearch: ['x'], DnsOptions: ['ndots:1'], ExtraHosts: ['h:1.2.3.4', 'six:::1'] },
  },
  {
    name: 'logging',
    attributes: 'logging: { driver: json-file, options: { max-size: 1m } }',
    want: { LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } } },
  },
  { name: 'no network', attributes: 'network_mode: none', want: { NetworkMode: 'none' } },
]

for (const { name, attributes, rest = '', want } of HOST) {
  test(`host: ${name}`, async () => {
    const got = await host(attributes, { rest })
    for (const [key, value] of Object.entries(want)) assert.deepEqual(got[key as keyof typeof got], value, key)
  })
}

test('networks: priority decides the first, options and aliases go to their endpoint', async () => {
  const got = await request(
    'mac_address: "02:00:00:00:00:01", networks: { x: { aliases: [ alias, a ] }, y: { priority: 5, ipv4_address: 10.0.0.5, gw_priority: 1 } }',
    { rest: 'networks: { x: {}, y: { name: real } }' },
  )
  assert.equal(got.HostConfig?.NetworkMode, 'real')
  assert.deepEqual(got.NetworkingConfig?.EndpointsConfig, {
    real: {
      Aliases: ['p-a-1', 'a'],
      IPAMConfig: { IPv4Address: '10.0.0.5' },
      MacAddress: '02:00:00:00:00:01',
      GwPriority: 1,
    },
    p_x: { Aliases: ['p-a-1', 'a', 'alias'] },
  })
})

test('links name the containers that there are', async () => {
  const got = await request('links: [ "b:base" ], external_links: [ other ]', { spec: { linked: { b: ['p-b-1'] } } })
  assert.deepEqual(got.NetworkingConfig?.EndpointsConfig?.['p_default']?.Links, [
    'p-b-1:base',
    'p-b-1:p-b-1',
    'other:other',
  ])
})

test('service references become container ids', async () => {
  const references = { 'service:b': 'abc' }
  const got = await host('network_mode: "service:b", pid: "service:b", volumes_from: [ "b:ro", "container:x" ]', {
    references,
  })
  assert.equal(got.NetworkMode, 'container:abc')
  assert.equal(got.PidMode, 'container:abc')
  assert.deepEqual(got.VolumesFrom, ['abc:ro', 'x'])
})

test('the hash follows the container that a reference means', async () => {
  const hash = async (id: string): Promise<string | undefined> =>
    (await request('network_mode: "service:b"', { references: { 'service:b': id } })).Labels?.[
      'com.docker.compose.config-hash'
    ]
  assert.notEqual(await hash('one'), await hash('two'))
  assert.equal(await hash('one'), await hash('one'))
})

test('anonymous volumes are carried over, declared or of the image', async () => {
  const got = await host('volumes: [ /mine ]', { spec: { inheritedVolumes: { '/mine': 'v1', '/of-image': 'v2' } } })
  assert.deepEqual(got.Mounts, [
    { Type: 'volume', Source: 'v1', Target: '/mine', VolumeOptions: {} },
    { Type: 'volume', Source: 'v2', Target: '/of-image' },
  ])
})

test('a seccomp profile travels as text', async () => {
  const got = await host('security_opt: [ "no-new-privileges", "seccomp=p.json" ]', {
    seccompProfiles: {
      'p.json': '{"defaultAction":"SCMP_ACT_ALLOW"}',
      '/work/p.json': '{"defaultAction":"SCMP_ACT_ALLOW"}',
    },
  })
  assert.deepEqual(got.SecurityOpt, ['no-new-privileges', 'seccomp={"defaultAction":"SCMP_ACT_ALLOW"}'])
})

test('external secrets are refused', async () => {
  await assert.rejects(request('secrets: [ s ]', { rest: 'secrets: { s: { external: true } }' }), {
    code: 'UNSUPPORTED',
    message: 'unsupported external secret "s" of service "a"',
  })
})
