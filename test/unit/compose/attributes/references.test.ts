/**
 * Attributes that name services, networks, hosts, files and devices.
 */
import { testAttribute } from './table.ts'

const started = { condition: 'service_started', restart: false, required: true } as const
const others = '  db: { image: x }\n  api: { image: x }\n'

testAttribute(
  'depends_on',
  [
    {
      name: 'a list',
      input: 'depends_on: [db, api]',
      rest: others,
      want: { dependsOn: { db: started, api: started } },
    },
    {
      name: 'a mapping',
      input:
        'depends_on: { db: { condition: service_healthy, restart: true }, api: { condition: service_completed_successfully, required: false } }',
      rest: others,
      want: {
        dependsOn: {
          db: { condition: 'service_healthy', restart: true, required: true },
          api: { condition: 'service_completed_successfully', restart: false, required: false },
        },
      },
    },
    { name: 'nothing said', input: 'depends_on: { db: }', rest: others, want: { dependsOn: { db: started } } },
    {
      name: 'one that is optional and not there',
      input: 'depends_on: { no: { condition: service_started, required: false } }',
      want: { dependsOn: { no: { ...started, required: false } } },
    },
  ],
  [
    { name: 'an unknown service', input: 'depends_on: [no]', want: ['UNDEFINED_SERVICE 4:18'] },
    {
      name: 'an unknown condition',
      input: 'depends_on: { db: { condition: up } }',
      rest: others,
      want: ['SCHEMA_VALUE 4:36'],
    },
    { name: 'itself', input: 'depends_on: [web]', want: ['DEPENDENCY_CYCLE 4:18'] },
  ],
)

testAttribute(
  'networks',
  [
    { name: 'absent', input: 'user: a', want: { networks: { default: null } } },
    {
      name: 'a list',
      input: 'networks: [a, default]',
      rest: 'networks: { a: }',
      want: { networks: { a: null, default: null } },
    },
    {
      name: 'all keys',
      input: `
        networks:
          a:
            aliases: [x, y]
            interface_name: eth7
            ipv4_address: 10.0.0.2
            ipv6_address: "fd00::2"
            link_local_ips: [169.254.1.1]
            mac_address: 02:00:00:00:00:01
            driver_opts: { k: 1 }
            gw_priority: 2
            priority: 1000`,
      rest: 'networks: { a: }',
      want: {
        networks: {
          a: {
            aliases: ['x', 'y'],
            interfaceName: 'eth7',
            ipv4Address: '10.0.0.2',
            ipv6Address: 'fd00::2',
            linkLocalIps: ['169.254.1.1'],
            macAddress: '02:00:00:00:00:01',
            driverOpts: { k: '1' },
            gwPriority: 2,
            priority: 1000,
          },
        },
      },
    },
  ],
  [
    { name: 'an undefined network', input: 'networks: [front]', want: ['UNDEFINED_NETWORK 4:16'] },
    {
      name: 'networks beside network_mode',
      input: 'networks: [default]\nnetwork_mode: host',
      want: ['NETWORK_MODE 5:19'],
    },
  ],
)

testAttribute(
  'links',
  [
    {
      name: 'with and without alias',
      input: 'links: [db, "api:backend"]',
      rest: others,
      want: {
        links: [
          { service: 'db', alias: 'db' },
          { service: 'api', alias: 'backend' },
        ],
        dependsOn: { db: { ...started, restart: true }, api: { ...started, restart: true } },
      },
    },
  ],
  [
    { name: 'an unknown service', input: 'links: [no]', want: ['UNDEFINED_SERVICE 4:13'] },
    { name: 'three parts', input: 'links: ["db:a:b"]', rest: others, want: ['INVALID_VALUE 4:13'] },
  ],
)

testAttribute('volumes_from', [
  {
    name: 'services and containers',
    input: 'volumes_from: [db, "api:ro", "container:c:ro"]',
    rest: others,
    want: {
      volumesFrom: [
        { kind: 'service', name: 'db', readOnly: false },
        { kind: 'service', name: 'api', readOnly: true },
        { kind: 'container', name: 'c', readOnly: true },
      ],
      dependsOn: { db: started, api: started },
    },
  },
])

for (const attribute of ['network_mode', 'ipc', 'pid'] as const) {
  testAttribute(
    attribute,
    [
      {
        name: 'of another service',
        input: `${attribute}: "service:db"`,
        rest: others,
        want: { dependsOn: { db: { ...started, restart: true } } },
      },
    ],
    [
      {
        name: 'an unknown service',
        input: `${attribute}: "service:no"`,
        want: [`UNDEFINED_SERVICE 4:${attribute.length + 7}`],
      },
    ],
  )
}

testAttribute(
  'extra_hosts',
  [
    {
      name: 'a list',
      input: 'extra_hosts: ["a=10.0.0.1", "b:10.0.0.2", "c=::1", "d:::1", "e=[::1]", "f:host-gateway"]',
      want: {
        extraHosts: [
          { host: 'a', ip: '10.0.0.1' },
          { host: 'b', ip: '10.0.0.2' },
          { host: 'c', ip: '::1' },
          { host: 'd', ip: '::1' },
          { host: 'e', ip: '::1' },
          { host: 'f', ip: 'host-gateway' },
        ],
      },
    },
    {
      name: 'a mapping',
      input: 'extra_hosts: { a: 10.0.0.1, b: [10.0.0.2, "::1"] }',
      want: {
        extraHosts: [
          { host: 'a', ip: '10.0.0.1' },
          { host: 'b', ip: '10.0.0.2' },
          { host: 'b', ip: '::1' },
        ],
      },
    },
  ],
  [{ name: 'a name alone', input: 'extra_hosts: [a]', want: ['INVALID_VALUE 4:19'] }],
)

testAttribute(
  'secrets and configs',
  [
    {
      name: 'both syntaxes',
      input: `
        secrets: [pw, { source: pw, target: other, uid: 1000, gid: "1000", mode: 0440 }, { source: pw, target: /abs }]
        configs: [conf, { source: conf, target: etc/x, mode: "0600" }]`,
      rest: 'secrets: { pw: { file: ./pw } }\nconfigs: { conf: { content: "a" } }',
      want: {
        secrets: [
          { source: 'pw', target: '/run/secrets/pw' },
          { source: 'pw', target: '/run/secrets/other', uid: '1000', gid: '1000', mode: 0o440 },
          { source: 'pw', target: '/abs' },
        ],
        configs: [
          { source: 'conf', target: '/conf' },
          { source: 'conf', target: '/etc/x', mode: 0o600 },
        ],
      },
    },
  ],
  [
    { name: 'an undefined secret', input: 'secrets: [no]', want: ['UNDEFINED_SECRET 4:15'] },
    { name: 'an undefined config', input: 'configs: [no]', want: ['UNDEFINED_CONFIG 4:15'] },
    {
      name: 'a mode that is no octal number',
      input: 'secrets: [{ source: s, mode: "999" }]',
      rest: 'secrets: { s: { file: x } }',
      want: ['INVALID_VALUE 4:34'],
    },
  ],
)

testAttribute(
  'devices',
  [
    {
      name: 'all syntaxes',
      input:
        'devices: [/dev/a, "/dev/b:/dev/c", "/dev/d:/dev/e:r", "/dev/f:rw", "nvidia.com/gpu=all", { source: /dev/g }]',
      want: {
        devices: [
          { source: '/dev/a', target: '/dev/a', permissions: 'rwm' },
          { source: '/dev/b', target: '/dev/c', permissions: 'rwm' },
          { source: '/dev/d', target: '/dev/e', permissions: 'r' },
          { source: '/dev/f', target: '/dev/f', permissions: 'rw' },
          { source: 'nvidia.com/gpu=all', target: 'nvidia.com/gpu=all', permissions: 'rwm' },
          { source: '/dev/g', target: '/dev/g', permissions: 'rwm' },
        ],
      },
    },
  ],
  [{ name: 'bad permissions', input: 'devices: ["/dev/a:/dev/b:x"]', want: ['INVALID_VALUE 4:15'] }],
)

testAttribute(
  'models and provider',
  [
    {
      name: 'both syntaxes',
      input: 'models: { llm: { endpoint_var: U, model_var: M } }\nprovider: { type: t, options: { a: 1, b: [x, y] } }',
      rest: 'models: { llm: { model: ai/x, context_size: 1024, runtime_flags: ["--a"] } }',
      want: {
        models: { llm: { endpointVar: 'U', modelVar: 'M' } },
        provider: { type: 't', options: { a: ['1'], b: ['x', 'y'] } },
      },
    },
    {
      name: 'a list',
      input: 'models: [llm]',
      rest: 'models: { llm: { model: ai/x } }',
      want: { models: { llm: null } },
    },
  ],
  [{ name: 'an undefined model', input: 'models: [no]', want: ['UNDEFINED_MODEL 4:14'] }],
)
