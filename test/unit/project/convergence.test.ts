/**
 * Property: from any state that some file has made, `up` of any other file arrives at what that file says; then a second
 * `up` has nothing to do, and `down -v` leaves nothing.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MycomposeError } from '../../../src/errors.ts'
import { down } from '../../../src/project/down.ts'
import { up } from '../../../src/project/up.ts'
import { createHarness, project } from './harness.ts'

const NAMES = ['a', 'b', 'c', 'd', 'e'] as const

interface RandomService {
  readonly value: number
  readonly scale: number
  readonly dependsOn: readonly number[]
  readonly restart: boolean
  readonly volume: boolean
  readonly onSecondNetwork: boolean
  readonly sharesNetworkOf: number | undefined
}

const randomService: fc.Arbitrary<RandomService> = fc.record({
  value: fc.nat(1),
  scale: fc.nat(3),
  dependsOn: fc.array(fc.nat(4), { maxLength: 2 }),
  restart: fc.boolean(),
  volume: fc.boolean(),
  onSecondNetwork: fc.boolean(),
  sharesNetworkOf: fc.option(fc.nat(4), { nil: undefined, freq: 4 }),
})

const randomFile = fc.record({
  services: fc.array(fc.option(randomService, { nil: undefined, freq: 5 }), { minLength: 5, maxLength: 5 }),
  internal: fc.boolean(),
  label: fc.nat(1),
})

type RandomFile = typeof randomFile extends fc.Arbitrary<infer T> ? T : never

/** Services depend on earlier ones only, so there is no cycle. */
function toYaml({ services, internal, label }: RandomFile): string {
  const lines = services.flatMap((service, index) => {
    if (service === undefined) return []
    const earlier = (one: number): string | undefined => {
      const target = services[one]
      return one < index && target !== undefined && target.scale > 0 ? NAMES[one] : undefined
    }
    const dependencies = [...new Set(service.dependsOn.map(earlier))].filter((name) => name !== undefined)
    const donor = service.sharesNetworkOf === undefined ? undefined : earlier(service.sharesNetworkOf)
    return [
      `  ${NAMES[index]}:`,
      `    image: app`,
      `    scale: ${service.scale}`,
      `    environment: { VALUE: "${service.value}" }`,
      ...(service.volume ? [`    volumes: [ "data:/data", /anonymous ]`] : []),
      donor === undefined
        ? `    networks: [ default${service.onSecondNetwork ? ', second' : ''} ]`
        : `    network_mode: "service:${donor}"`,
      ...(dependencies.length > 0 ? ['    depends_on:'] : []),
      ...dependencies.map((name) => `      ${name}: { condition: service_started, restart: ${service.restart} }`),
    ]
  })
  const services0 = lines.length > 0 ? lines.join('\n') : '  z: { image: app }'
  return `services:\n${services0}\nnetworks: { second: { internal: ${internal} } }\nvolumes: { data: { labels: { x: "${label}" } } }\n`
}

function wantedCount({ services }: RandomFile): number {
  return services.every((service) => service === undefined)
    ? 1
    : services.reduce((sum, service) => sum + (service?.scale ?? 0), 0)
}

test('an up that breaks off anywhere is taken up by the next', async () => {
  await fc.assert(
    fc.asyncProperty(randomFile, randomFile, fc.nat(40), async (first, second, failAt) => {
      const { engine, context } = createHarness()
      await up(context, await project(toYaml(first)), {})
      const model = await project(toYaml(second))
      const options = { removeOrphans: true, assumeYes: true }
      let changes = 0
      engine.failOn = (request) => {
        if (/^(list|inspect|events)/.test(request)) return undefined
        changes += 1
        return changes > failAt ? new MycomposeError('the engine is gone', { code: 'GONE' }) : undefined
      }
      await up(context, model, options).catch((error: unknown) => assert.ok(error instanceof MycomposeError))
      engine.failOn = () => undefined
      await up(context, model, options)
      const containers = [...engine.containers.values()]
      assert.equal(containers.length, wantedCount(second))
      assert.ok(containers.every(({ status }) => status === 'running'))
      assert.ok(containers.every(({ name }) => /^p-[a-z]-\d+$/.test(name)))
      assert.deepEqual((await up(context, model, { ...options, dryRun: true })).plan.operations, [])
    }),
    { numRuns: 150 },
  )
})

test('up converges from anywhere, twice is once, down -v leaves nothing', async () => {
  await fc.assert(
    fc.asyncProperty(randomFile, randomFile, fc.array(fc.nat(20), { maxLength: 3 }), async (first, second, stopped) => {
      const { engine, context } = createHarness()
      await up(context, await project(toYaml(first)), {})
      for (const index of stopped) {
        const container = [...engine.containers.values()][index]
        if (container?.status === 'running') engine.exit(container.name, 1)
      }
      const model = await project(toYaml(second))
      await up(context, model, { removeOrphans: true, assumeYes: true })
      const containers = [...engine.containers.values()]
      assert.equal(containers.length, wantedCount(second))
      assert.ok(containers.every(({ status }) => status === 'running'))
      assert.ok(containers.every(({ name }) => /^p-[a-z]-\d+$/.test(name)))
      const again = await up(context, model, { removeOrphans: true, assumeYes: true, dryRun: true })
      assert.deepEqual(again.plan.operations, [])
      await down(context, { name: 'p' }, { volumes: true })
      assert.deepEqual([engine.containers.size, engine.networks.size, engine.volumes.size], [0, 0, 0])
    }),
    { numRuns: 150 },
  )
})
