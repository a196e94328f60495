/**
 * Plans as text: each case brings an engine into a state (`before`), and prints what `up` or `down` would do then.
 * Update with: node --test --test-update-snapshots test/unit/project/plans.test.ts
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { down } from '../../../src/project/down.ts'
import type { DownOptions } from '../../../src/project/down.ts'
import { formatPlan } from '../../../src/project/plan.ts'
import type { Plan } from '../../../src/project/plan.ts'
import { up } from '../../../src/project/up.ts'
import type { UpOptions } from '../../../src/project/up.ts'
import { toNetwork, toVolume } from './fake-documents.ts'
import type { FakeEngine } from './fake-engine.ts'
import { createHarness, project } from './harness.ts'

interface Case {
  readonly name: string
  readonly before?: string
  /** Options of the `up` that makes the state. */
  readonly beforeOptions?: UpOptions
  /** What happens to the engine then. */
  readonly meanwhile?: (engine: FakeEngine) => void
  /** The file now; absent: as before. */
  readonly after?: string
  readonly profiles?: readonly string[]
  readonly up?: UpOptions
  readonly down?: DownOptions & { readonly byName?: boolean }
}

const STACK = `
services:
  web: { image: app, depends_on: { db: { condition: service_healthy, restart: true }, cache: { condition: service_started } } }
  db: { image: db, volumes: [ "data:/var/lib/db" ], healthcheck: { test: [ CMD, x ] } }
  cache: { image: app }
volumes: { data: {} }
`
const A = 'services: { a: { image: app } }'

const CASES: readonly Case[] = [
  { name: 'first-up', after: STACK, up: {} },
  { name: 'first-up-wait', after: STACK, up: { wait: true, waitTimeoutMs: 60_000 } },
  { name: 'first-up-no-start', after: STACK, up: { noStart: true } },
  { name: 'one-service-with-dependencies', after: STACK, up: { services: ['db'] } },
  { name: 'no-deps', after: STACK, up: { services: ['web'], noDeps: true } },
  { name: 'nothing-changed', before: STACK, up: {} },
  { name: 'dependency-changed-restarts-dependent', before: STACK, after: STACK.replace('CMD, x', 'CMD, y'), up: {} },
  {
    name: 'dependency-alone-changed-restarts-dependent',
    before: STACK,
    after: STACK.replace('CMD, x', 'CMD, y'),
    up: { services: ['db'] },
  },
  { name: 'dependent-changed', before: STACK, after: STACK.replace('web: {', 'web: { tty: true,'), up: {} },
  { name: 'force-recreate-one', before: STACK, up: { services: ['web'], forceRecreate: true } },
  {
    name: 'force-recreate-with-dependencies',
    before: STACK,
    up: { services: ['web'], forceRecreate: true, alwaysRecreateDeps: true },
  },
  { name: 'no-recreate', before: STACK, after: STACK.replace('CMD, x', 'CMD, y'), up: { noRecreate: true } },
  { name: 'image-changed', before: A, meanwhile: (engine) => engine.addImage('app', { id: 'sha256:new' }), up: {} },
  {
    name: 'stopped-are-started',
    before: STACK,
    meanwhile: (engine) => {
      engine.exit('p-db-1', 0)
      engine.exit('p-web-1', 137)
    },
    up: {},
  },
  {
    name: 'one-shot-and-optional',
    after: `
services:
  web:
    image: app
    depends_on:
      migrate: { condition: service_completed_successfully }
      extra: { condition: service_completed_successfully, required: false }
  migrate: { image: app, depends_on: { db: { condition: service_healthy } } }
  extra: { image: app }
  db: { image: db, healthcheck: { test: [ CMD, x ] } }
`,
    up: {},
  },
  { name: 'scale-up', before: A, up: { scale: { a: 3 } } },
  { name: 'scale-down', before: A, beforeOptions: { scale: { a: 3 } }, up: {} },
  {
    name: 'scale-down-outdated-go-first',
    before: A,
    beforeOptions: { scale: { a: 3 } },
    meanwhile(engine) {
      for (const name of ['p-a-1', 'p-a-3']) {
        const container = engine.byName(name)
        Object.assign(container.request.Labels ?? {}, { 'com.docker.compose.config-hash': 'old' })
      }
    },
    up: { scale: { a: 2 } },
  },
  {
    name: 'parent-of-namespace-changed',
    before: 'services: { vpn: { image: app }, app: { image: app, network_mode: "service:vpn" } }',
    after: 'services: { vpn: { image: app, tty: true }, app: { image: app, network_mode: "service:vpn" } }',
    up: {},
  },
  {
    name: 'orphans-removed-before-their-port-is-taken',
    before: 'services: { old: { image: app, ports: [ "8080:80" ] } }',
    after: 'services: { new: { image: app, ports: [ "8080:80" ] }, other: { image: app } }',
    up: { removeOrphans: true },
  },
  {
    name: 'network-changed',
    before: 'services: { a: { image: app }, b: { image: app, depends_on: [ a ] } }\nnetworks: { default: {} }',
    after:
      'services: { a: { image: app }, b: { image: app, depends_on: [ a ] } }\nnetworks: { default: { internal: true } }',
    up: { services: ['a'] },
  },
  {
    name: 'volume-changed-is-kept',
    before: 'services: { a: { image: app, volumes: [ "vol:/v" ] } }\nvolumes: { vol: {} }',
    after: 'services: { a: { image: app, volumes: [ "vol:/v" ] } }\nvolumes: { vol: { labels: { x: y } } }',
    up: {},
  },
  {
    name: 'volume-changed-and-confirmed',
    before: 'services: { a: { image: app, volumes: [ "vol:/v" ] } }\nvolumes: { vol: {} }',
    after: 'services: { a: { image: app, volumes: [ "vol:/v" ] } }\nvolumes: { vol: { labels: { x: y } } }',
    up: { assumeYes: true },
  },
  {
    name: 'existing-of-others',
    meanwhile(engine) {
      engine.networks.set('p_default', toNetwork('n1', 'p_default', {}))
      engine.volumes.set('p_vol', toVolume('p_vol', { 'com.docker.compose.project': 'other' }))
    },
    after: 'services: { a: { image: app, volumes: [ "vol:/v" ] } }\nvolumes: { vol: {} }',
    up: {},
  },
  {
    name: 'renew-anonymous-volumes',
    before: 'services: { a: { image: app, volumes: [ /v ] } }',
    up: { renewAnonymousVolumes: true },
  },
  { name: 'container-name-changed', before: A, after: 'services: { a: { image: app, container_name: mine } }', up: {} },
  { name: 'down', before: STACK, down: {} },
  { name: 'down-volumes', before: STACK, down: { volumes: true, timeoutSeconds: 1 } },
  { name: 'down-by-name', before: STACK, down: { byName: true, volumes: true } },
  { name: 'down-one-service-and-its-dependents', before: STACK, down: { services: ['db'], volumes: true } },
  { name: 'down-of-nothing', after: A, down: {} },
  { name: 'down-leaves-orphans', before: STACK, after: A, down: { volumes: true } },
  {
    name: 'inactive-profiles-are-no-orphans',
    before: 'services: { a: { image: app }, debug: { image: app, profiles: [ d ] } }',
    profiles: ['d'],
    after: 'services: { a: { image: app }, debug: { image: app, profiles: [ d ] } }',
    up: {},
  },
]

for (const one of CASES) {
  test(`plan: ${one.name}`, async (t) => {
    const { engine, context } = createHarness()
    engine.onStart = ({ name, health }) => {
      if (health !== undefined) engine.setHealth(name, 'healthy')
    }
    const text = one.after ?? one.before ?? ''
    if (one.before !== undefined) {
      const { profiles = [] } = one
      await up(context, await project(one.before, { profiles }), one.beforeOptions ?? {})
    }
    one.meanwhile?.(engine)
    const { requests } = engine
    requests.length = 0
    const model = await project(text)
    const target = { name: 'p', ...(one.down?.byName === true ? {} : { project: model }) }
    const { plan } =
      one.down === undefined
        ? await up(context, model, { ...one.up, dryRun: true })
        : await down(context, target, { ...one.down, dryRun: true })
    assert.ok(
      requests.every((request) => /^(list|inspect) /.test(request)),
      'planning changes nothing',
    )
    const golden = join(import.meta.dirname, '../../golden/plans', `${one.name}.txt`)
    t.assert.fileSnapshot(describePlan(plan), golden, { serializers: [String] })
    checkOrder(plan)
  })
}

function describePlan(plan: Plan): string {
  const warnings = plan.warnings.map((warning) => `warning: ${warning}\n`).join('')
  const unchanged = plan.unchanged.length > 0 ? `unchanged: ${plan.unchanged.join(' ')}\n` : ''
  return `${warnings}${unchanged}${formatPlan(plan) || 'nothing to do\n'}`
}

/** The numbering is an order in which the plan could run one by one. */
function checkOrder(plan: Plan): void {
  for (const [index, { id, after }] of plan.operations.entries()) {
    assert.equal(id, index + 1)
    for (const dependency of after) assert.ok(dependency < id, `#${id} comes after #${dependency}`)
  }
}
