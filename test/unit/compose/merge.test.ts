/**
 * Merging of two files: compose.yaml and the override beside it. Source: Compose Specification, "Merge".
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service } from '../../../src/compose/model.ts'
import { load, webFile } from './support.ts'

interface MergeCase {
  readonly name: string
  readonly base: string
  readonly over: string
  readonly want: Partial<Service>
}

const port = { mode: 'ingress', protocol: 'tcp' } as const
const started = { condition: 'service_started', restart: false, required: true } as const
const rest = `
  db: { image: db }
networks: { a: , b: }
volumes: { v: }
secrets: { s: { environment: S }, t: { environment: T } }
`

const CASES: readonly MergeCase[] = [
  { name: 'scalars', base: 'user: a', over: 'user: b', want: { user: 'b' } },
  { name: 'null leaves the base', base: 'user: a', over: 'user:', want: { user: 'a' } },
  { name: 'command is replaced', base: 'command: [a, b]', over: 'command: c', want: { command: ['c'] } },
  { name: 'command becomes null', base: 'command: [a]', over: 'command: null', want: { command: null } },
  { name: 'entrypoint is replaced', base: 'entrypoint: [a]', over: 'entrypoint: [b]', want: { entrypoint: ['b'] } },
  {
    name: 'healthcheck merges, its test is replaced',
    base: 'healthcheck: { test: [CMD, a, b], interval: 1s }',
    over: 'healthcheck: { test: [CMD, c], retries: 2 }',
    want: { healthcheck: { test: ['CMD', 'c'], interval: 1e9, retries: 2 } },
  },
  {
    name: 'environment of both syntaxes',
    base: 'environment: [A=1, B=2]',
    over: 'environment: { B: 3, C: 4 }',
    want: { environment: { A: '1', B: '3', C: '4' } },
  },
  {
    name: 'an environment key without value',
    base: 'environment: { A: 1 }',
    over: 'environment: [A]',
    want: { environment: { A: null } },
  },
  { name: 'labels', base: 'labels: [a=1]', over: 'labels: { a: 2, b: 3 }', want: { labels: { a: '2', b: '3' } } },
  { name: 'sysctls', base: 'sysctls: { a: 1 }', over: 'sysctls: [b=2]', want: { sysctls: { a: '1', b: '2' } } },
  {
    name: 'dns is unique',
    base: 'dns: 1.1.1.1',
    over: 'dns: [8.8.8.8, 1.1.1.1]',
    want: { dns: ['1.1.1.1', '8.8.8.8'] },
  },
  { name: 'cap_add is unique', base: 'cap_add: [A, B]', over: 'cap_add: [B, C]', want: { capAdd: ['A', 'B', 'C'] } },
  { name: 'tmpfs appends', base: 'tmpfs: /a', over: 'tmpfs: [/b]', want: { tmpfs: ['/a', '/b'] } },
  { name: 'expose', base: 'expose: [1]', over: 'expose: ["1", "2"]', want: { expose: ['1', '2'] } },
  {
    name: 'other lists append',
    base: 'security_opt: [a]',
    over: 'security_opt: [a]',
    want: { securityOpt: ['a', 'a'] },
  },
  {
    name: 'ports are unique by all four parts',
    base: 'ports: ["80:80", "81:81"]',
    over: 'ports: ["80:80", "82:80"]',
    want: {
      ports: [
        { ...port, target: 80, published: '80' },
        { ...port, target: 81, published: '81' },
        { ...port, target: 80, published: '82' },
      ],
    },
  },
  {
    name: 'volumes are unique by target, in place',
    base: 'volumes: ["/a:/x", "/b:/y"]',
    over: 'volumes: ["v:/x:ro"]',
    want: {
      volumes: [
        { type: 'volume', source: 'v', target: '/x', readOnly: true, volume: {} },
        { type: 'bind', source: '/b', target: '/y', bind: { createHostPath: true } },
      ],
    },
  },
  {
    name: 'secrets are unique by target',
    base: 'secrets: [s]',
    over: 'secrets: [{ source: t, target: s }]',
    want: { secrets: [{ source: 't', target: '/run/secrets/s' }] },
  },
  {
    name: 'depends_on of both syntaxes',
    base: 'depends_on: [db]',
    over: 'depends_on: { db: { condition: service_healthy } }',
    want: { dependsOn: { db: { ...started, condition: 'service_healthy' } } },
  },
  {
    name: 'networks',
    base: 'networks: [a]',
    over: 'networks: { a: { aliases: [x] }, b: }',
    want: { networks: { a: { aliases: ['x'] }, b: null } },
  },
  {
    name: 'aliases',
    base: 'networks: { a: { aliases: [x] } }',
    over: 'networks: { a: { aliases: [x, y] } }',
    want: { networks: { a: { aliases: ['x', 'y'] } } },
  },
  {
    name: 'build',
    base: 'build: ./a',
    over: 'build: { target: t, args: [A=1] }',
    want: { build: { context: '/project/a', dockerfile: 'Dockerfile', target: 't', args: { A: '1' } } },
  },
  {
    name: 'logging of the same driver',
    base: 'logging: { driver: local, options: { a: "1", b: "1" } }',
    over: 'logging: { options: { b: "2" } }',
    want: { logging: { driver: 'local', options: { a: '1', b: '2' } } },
  },
  {
    name: 'logging of another driver',
    base: 'logging: { driver: local, options: { a: "1" } }',
    over: 'logging: { driver: json-file }',
    want: { logging: { driver: 'json-file' } },
  },
  {
    name: 'ulimits',
    base: 'ulimits: { nofile: { soft: 1, hard: 2 }, nproc: 3 }',
    over: 'ulimits: { nofile: 5 }',
    want: { ulimits: { nofile: { soft: 5, hard: 5 }, nproc: { soft: 3, hard: 3 } } },
  },
  {
    name: 'extra_hosts',
    base: 'extra_hosts: ["a=1.1.1.1"]',
    over: 'extra_hosts: { a: 1.1.1.1, b: 2.2.2.2 }',
    want: {
      extraHosts: [
        { host: 'a', ip: '1.1.1.1' },
        { host: 'b', ip: '2.2.2.2' },
      ],
    },
  },
  {
    name: 'deploy',
    base: 'deploy: { replicas: 1, resources: { limits: { cpus: 1 } } }',
    over: 'deploy: { replicas: 2, resources: { limits: { memory: 1m } } }',
    want: { deploy: { replicas: 2, resources: { limits: { cpus: 1, memory: 1_048_576 } } } },
  },
  { name: '!reset of a list', base: 'ports: ["80:80"]', over: 'ports: !reset []', want: { ports: [] } },
  { name: '!reset of a scalar', base: 'user: a', over: 'user: !reset null', want: {} },
  {
    name: '!reset of one key',
    base: 'environment: { A: 1, B: 2 }',
    over: 'environment: { A: !reset null }',
    want: { environment: { B: '2' } },
  },
  {
    name: '!override of a list',
    base: 'ports: ["80:80"]',
    over: 'ports: !override ["81:81"]',
    want: { ports: [{ ...port, target: 81, published: '81' }] },
  },
  {
    name: '!override of a mapping',
    base: 'environment: { A: 1 }',
    over: 'environment: !override { B: 2 }',
    want: { environment: { B: '2' } },
  },
  {
    name: '!override deep inside',
    base: 'deploy: { resources: { limits: { cpus: 1, pids: 5 } } }',
    over: 'deploy: { resources: { limits: !override { memory: 1m } } }',
    want: { deploy: { resources: { limits: { memory: 1_048_576 } } } },
  },
]

for (const { name, base, over, want } of CASES) {
  test(`merge: ${name}`, async () => {
    const files = {
      'compose.yaml': webFile(base, rest),
      'compose.override.yaml': `services:\n  web:\n    ${over}\n`,
    }
    const { project } = await load(files)
    const web = project.services['web']
    const got = Object.fromEntries(Object.keys(want).map((key) => [key, web?.[key as keyof Service]]))
    assert.deepEqual(got, want)
    if (name === '!reset of a scalar') assert.equal(web?.user, undefined)
  })
}

test('merge: documents of one file, services and top-level resources', async () => {
  const { project } = await load(`
services: { web: { image: a } }
networks: { n: { driver_opts: { a: 1 }, ipam: { config: [{ subnet: 10.0.0.0/24 }, { subnet: 10.1.0.0/24 }] } } }
---
services: { web: { image: b, networks: [n] }, api: { image: c } }
networks: { n: { driver_opts: { b: 2 }, ipam: { config: [{ subnet: 10.0.0.0/24, gateway: 10.0.0.9 }] } } }
`)
  assert.equal(project.services['web']?.image, 'b')
  assert.deepEqual(Object.keys(project.services), ['api', 'web'])
  assert.deepEqual(project.networks['n'], {
    name: 'project_n',
    external: false,
    driverOpts: { a: '1', b: '2' },
    ipam: { config: [{ subnet: '10.0.0.0/24', gateway: '10.0.0.9' }] },
  })
})

test('merge: a tag in a lone file', async () => {
  const { project } = await load('services: { web: { image: a, user: !reset x, ports: !override ["80"] } }')
  assert.equal(project.services['web']?.user, undefined)
  assert.equal(project.services['web']?.ports.length, 1)
})

test('merge: anchors, aliases and merge keys', async () => {
  const { project } = await load(`
x-a: &a { restart: always, environment: { A: 1 } }
x-b: &b { restart: "no", user: b }
services:
  one: { <<: *a, image: x }
  two: { <<: [*a, *b], image: x, environment: { B: 2 } }
`)
  const { one, two } = project.services
  assert.deepEqual([one?.restart, one?.environment], [{ name: 'always' }, { A: '1' }])
  assert.deepEqual([two?.restart, two?.user, two?.environment], [{ name: 'always' }, 'b', { B: '2' }])
})
