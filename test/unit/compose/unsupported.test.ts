import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unsupportedAttributes } from '../../../src/compose/unsupported.ts'
import { load, webFile } from './support.ts'

async function warnings(attributes: string, rest = ''): Promise<string[]> {
  const { warnings: all } = await load(webFile(attributes, rest))
  return all.map(({ path, location }) => `${path?.join('.') ?? ''} ${location?.line ?? '-'}:${location?.column ?? '-'}`)
}

const CASES: readonly { name: string; attributes: string; rest?: string; want: string[] }[] = [
  {
    name: 'what is honoured says nothing',
    attributes: `
      restart: always
      ports: ["80"]
      logging: { driver: json-file, options: { max-size: 1m } }
      security_opt: ["no-new-privileges:true"]
      pull_policy: never
      deploy: { replicas: 2, resources: { limits: { cpus: 1 }, reservations: { memory: 1m } }, restart_policy: { condition: any } }`,
    want: [],
  },
  { name: 'an attribute', attributes: 'isolation: process', want: ['services.web.isolation 4:16'] },
  {
    name: 'part of one',
    attributes: 'deploy: { replicas: 1, placement: { constraints: [a] } }',
    want: ['services.web.deploy.placement 4:39'],
  },
  {
    name: 'a value',
    attributes: 'volumes: [{ type: bind, source: /a, target: /b, bind: { recursive: readonly, selinux: z } }]',
    want: ['services.web.volumes.0.bind.selinux 4:91'],
  },
  {
    name: 'a key',
    attributes:
      'logging: { driver: syslog, options: { tag: x } }\nnetworks: { n: { driver_opts: { com.docker.network.endpoint.ifname: a, b: c } } }',
    rest: 'networks: { n: {} }\n',
    want: ['services.web.networks.n.driver_opts.b 5:79'],
  },
  {
    name: 'what the engine warns of itself, or honours',
    attributes: `
      blkio_config: { weight: 300, device_read_bps: [{ path: /dev/sda, rate: 1m }] }
      oom_kill_disable: true
      external_links: [other]
      security_opt: ["seccomp=unconfined", "apparmor=x", "systempaths=unconfined"]
      logging: { driver: none }
      networks: { n: { interface_name: in0, gw_priority: 3 } }`,
    rest: 'networks: { n: { driver: bridge, ipam: { driver: default, config: [{ subnet: 10.9.0.0/24 }] } } }\n',
    want: [],
  },
  {
    name: 'resources',
    attributes: 'networks: [n]\nvolumes: ["vol:/v"]',
    rest: 'networks: { n: { driver: ipvlan } }\nvolumes: { vol: { driver: nfs } }\n',
    want: ['networks.n.driver 6:26', 'volumes.vol.driver 7:27'],
  },
]

for (const { name, attributes, rest, want } of CASES) {
  test(`unsupported: ${name}`, async () => {
    assert.deepEqual(await warnings(attributes, rest), want)
  })
}

test('unsupported: each says what becomes of it', async () => {
  const { project } = await load(webFile('cpu_count: 2\ndevelop: { watch: [] }'))
  assert.deepEqual(
    unsupportedAttributes(project).map(({ message }) => message),
    [
      'services.web.cpu_count has a meaning on Windows only: ignored',
      'services.web.develop is not supported yet: there is no "watch" so far',
    ],
  )
})
