/**
 * Profiles, services named on the command line, and the resources that are left.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load, places, problemsOf, type LoadOptions } from './support.ts'

const FILE = `
services:
  web: { image: x, depends_on: [db], networks: [front] }
  db: { image: x, volumes: ["data:/d"] }
  mail: { image: x, profiles: [mail], depends_on: [queue] }
  queue: { image: x, profiles: [mail, other] }
  debug: { image: x, profiles: [debug] }
networks: { front: , unused: }
volumes: { data: , more: }
secrets: { s: { file: ./s } }
`

async function services(options: LoadOptions): Promise<string[]> {
  return Object.keys((await load(FILE, options)).project.services)
}

test('profiles: none, one, several, all', async () => {
  assert.deepEqual(await services({}), ['db', 'web'])
  assert.deepEqual(await services({ profiles: ['mail'] }), ['db', 'mail', 'queue', 'web'])
  assert.deepEqual(await services({ profiles: ['debug', 'other'] }), ['db', 'debug', 'queue', 'web'])
  assert.deepEqual(await services({ profiles: ['*'] }), ['db', 'debug', 'mail', 'queue', 'web'])
  assert.deepEqual(await services({ environment: { COMPOSE_PROFILES: 'debug,other' } }), [
    'db',
    'debug',
    'queue',
    'web',
  ])
})

test('profiles: naming a service turns on its profiles', async () => {
  assert.deepEqual(await services({ services: ['mail'] }), ['mail', 'queue'])
  assert.deepEqual(await services({ services: ['debug'] }), ['debug'])
})

test('selection: a service with what it depends on, or without', async () => {
  assert.deepEqual(await services({ services: ['web'] }), ['db', 'web'])
  assert.deepEqual(await services({ services: ['web'], withoutDependencies: true }), ['web'])
})

test('selection: implicit dependencies come along', async () => {
  const file = `
services:
  a: { image: x, links: ["b:c"], network_mode: "service:c", volumes_from: [d] }
  b: { image: x }
  c: { image: x }
  d: { image: x }
  e: { image: x }
`
  const { project } = await load(file, { services: ['a'] })
  assert.deepEqual(Object.keys(project.services), ['a', 'b', 'c', 'd'])
  assert.deepEqual(project.services['a']?.dependsOn, {
    b: { condition: 'service_started', restart: true, required: true },
    c: { condition: 'service_started', restart: true, required: true },
    d: { condition: 'service_started', restart: false, required: true },
  })
  assert.deepEqual(Object.keys(project.disabledServices), ['e'])
})

test('selection: the rest is kept as disabled', async () => {
  const { project } = await load(FILE, { services: ['db'] })
  assert.deepEqual(Object.keys(project.disabledServices), ['debug', 'mail', 'queue', 'web'])
})

test('resources: only used ones, or all', async () => {
  const { project } = await load(FILE)
  assert.deepEqual(Object.keys(project.networks), ['default', 'front'])
  assert.deepEqual(Object.keys(project.volumes), ['data'])
  assert.deepEqual(Object.keys(project.secrets), [])
  const all = (await load(FILE, { allResources: true })).project
  assert.deepEqual(Object.keys(all.networks), ['default', 'front', 'unused'])
  assert.deepEqual(Object.keys(all.volumes), ['data', 'more'])
  assert.deepEqual(Object.keys(all.secrets), ['s'])
})

test('resources: real names', async () => {
  const { project } = await load(
    `
services: { a: { image: x, networks: [n, e, f], volumes: ["v:/v"] } }
networks: { n: { name: "my-$X" }, e: { external: true }, f: { external: { name: old } } }
volumes: { v: }
`,
    { environment: { X: 'net' } },
  )
  const names = Object.values(project.networks).map(({ name, external }) => [name, external])
  assert.deepEqual(names, [
    ['e', true],
    ['old', true],
    ['my-net', false],
  ])
  assert.equal(project.volumes['v']?.name, 'project_v')
})

test('resources: no default network when nothing joins it', async () => {
  const { project } = await load('services: { a: { image: x, network_mode: none } }')
  assert.deepEqual(project.networks, {})
  assert.deepEqual(project.services['a']?.networks, {})
})

test('selection: an unknown service', async () => {
  const [problem, ...more] = await problemsOf(FILE, { services: ['wbe'] })
  assert.deepEqual([problem?.code, problem?.hint, more], ['NO_SUCH_SERVICE', 'did you mean "web"?', []])
})

test('selection: a dependency that no profile enables', async () => {
  const file = `services:
  a: { image: x, depends_on: [b] }
  c: { image: x, depends_on: { b: { condition: service_started, required: false } } }
  b: { image: x, profiles: [p] }
`
  assert.deepEqual(places(await problemsOf(file)), ['DISABLED_DEPENDENCY 2:31'])
  assert.deepEqual(Object.keys((await load(file, { profiles: ['p'] })).project.services), ['a', 'b', 'c'])
})

test('selection: env files of services that do not take part are not read', async () => {
  const file = 'services: { a: { image: x }, b: { image: x, env_file: no.env, profiles: [p] } }'
  assert.deepEqual(Object.keys((await load(file)).project.services), ['a'])
  assert.deepEqual(places(await problemsOf(file, { profiles: ['p'] })), ['FILE_NOT_FOUND 1:55'])
})
