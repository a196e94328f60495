import assert from 'node:assert/strict'
import { test } from 'node:test'
import { networkHash, serviceHash, volumeHash } from '../../../src/compose/hash.ts'
import { load, loadWeb } from './support.ts'

const hash = async (attributes: string): Promise<string> =>
  serviceHash(await loadWeb(attributes, { rest: '  db: { image: x }\n' }))

test('hash: the syntax and the order do not count', async () => {
  assert.equal(
    await hash('ports: ["80:80"]\nlabels: [a=1, b=2]'),
    await hash('labels: { b: 2, a: 1 }\nports: [{ target: 80, published: 80 }]'),
  )
  assert.match(await hash('user: a'), /^[0-9a-f]{64}$/)
})

const IGNORED = ['build: .', 'pull_policy: always', 'scale: 3', 'deploy: { replicas: 2 }', 'depends_on: [db]']

for (const attribute of IGNORED) {
  test(`hash: "${attribute}" does not count`, async () => {
    assert.equal(await hash(`user: a\n${attribute}`), await hash('user: a'))
  })
}

const COUNTED = [
  'user: b',
  'command: x',
  'command: []',
  'environment: [A]',
  'ports: ["80"]',
  'deploy: { resources: { limits: { cpus: 1 } } }',
  'labels: [a=1]',
  'x-a: 1',
]

for (const attribute of COUNTED) {
  test(`hash: "${attribute}" counts`, async () => {
    assert.notEqual(await hash(attribute), await hash('init: true'))
  })
}

test('hash: profiles do not count', async () => {
  const { project } = await load('services: { a: { image: x, profiles: [p] }, b: { image: x } }', { profiles: ['p'] })
  const { a, b } = project.services
  assert.ok(a !== undefined && b !== undefined)
  assert.equal(serviceHash({ ...a, name: 'b' }), serviceHash(b))
})

test('hash: references to services are resolved', async () => {
  const web = await loadWeb('network_mode: "service:db"', { rest: '  db: { image: x }\n' })
  const one = serviceHash(web, { 'service:db': 'container:1' })
  assert.notEqual(one, serviceHash(web, { 'service:db': 'container:2' }))
  assert.equal(one, serviceHash({ ...web, networkMode: 'container:1' }))
})

test('hash: networks and volumes', async () => {
  const { project } = await load(
    'services: { a: { image: x, networks: [n, m], volumes: ["vol:/v"] } }\nnetworks: { n: { internal: true }, m: }\nvolumes: { vol: }',
  )
  const { n, m } = project.networks
  const { vol } = project.volumes
  assert.ok(n !== undefined && m !== undefined && vol !== undefined)
  assert.notEqual(networkHash(n), networkHash({ ...m, name: n.name }))
  assert.notEqual(volumeHash(vol), volumeHash({ ...vol, driverOpts: { o: 'size=1m' } }))
})
