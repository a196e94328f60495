/**
 * A whole load: printing and loading again, reading what is asked for only, time.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { loadProject } from '../../../src/compose/load.ts'
import { printProject } from '../../../src/compose/print.ts'
import { load, memoryReader, sourcesOf } from './support.ts'

const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,6}$/)
const value = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constantFrom('$A', '$$', '${B}', 'a\nb', ' ', 'yes'))
const service = fc.record(
  {
    image: fc.constantFrom('app', 'repo/app:1'),
    command: fc.oneof(fc.array(fc.string()), fc.constant(null)),
    environment: fc.dictionary(name, fc.oneof(value, fc.constant(null))),
    labels: fc.dictionary(name, value),
    ports: fc.uniqueArray(
      fc.integer({ min: 1, max: 65_535 }).map((port) => `${port}:${port}`),
      { maxLength: 3 },
    ),
    user: fc.string(),
    'x-any': fc.jsonValue().filter((any) => !JSON.stringify(any).includes('__proto__')),
    cap_add: fc.uniqueArray(name),
    mem_limit: fc.integer({ min: 0 }),
    stop_grace_period: fc.integer({ min: 0, max: 1e6 }).map((ms) => `${ms}ms`),
    deploy: fc.record({ replicas: fc.nat(5), labels: fc.dictionary(name, value) }),
  },
  { requiredKeys: ['image'] },
)

/** Without negative zeros and objects without prototype, which fast-check likes. */
function asJson(data: unknown): unknown {
  return JSON.parse(JSON.stringify(data))
}

test('what is printed loads again to the same project', async () => {
  const files = fc.dictionary(name, service, { minKeys: 1, maxKeys: 4 })
  await fc.assert(
    fc.asyncProperty(files, async (services) => {
      const text = JSON.stringify({ services })
      const first = await load(text, { skip: { interpolation: true } })
      for (const format of ['yaml', 'json'] as const) {
        const printed = printProject(first.project, format)
        const again = await load(printed)
        // Negative zero prints as 0.
        assert.equal(printProject(again.project, format), printed)
        assert.deepEqual(asJson(again.project.services), asJson(first.project.services))
      }
    }),
  )
})

test('no bytes make a load fail with anything but its own errors', async () => {
  const word = fc.constantFrom(
    'services',
    'web',
    'image',
    ':',
    ' ',
    '\n',
    '  ',
    '- ',
    '"',
    '{',
    '}',
    '[',
    ']',
    '&a',
    '*a',
    '<<',
    '!reset',
    '#',
    '|',
    '>',
    '\t',
    '$',
    'a',
  )
  const noise = fc.oneof(
    fc.string(),
    fc.array(word, { maxLength: 40 }).map((words) => words.join('')),
  )
  await fc.assert(
    fc.asyncProperty(noise, async (text) => {
      await load(`services: { web: { image: x } }\n${text}`).catch((error: unknown) => {
        assert.equal((error as Error).name, 'ConfigErrors', String((error as Error).stack))
      })
    }),
    { numRuns: 500 },
  )
})

test('the project tells where its parts stand', async () => {
  const { locate, problemAt } = await load(
    'services:\n  web:\n    image: x\n    depends_on: [db]\n  db: { image: y }\n',
  )
  assert.deepEqual(locate(['services', 'web', 'depends_on', 'db']), {
    file: '/project/compose.yaml',
    line: 4,
    column: 18,
  })
  assert.equal(problemAt(['services', 'db'], { code: 'X', message: 'm' }).sourceLine, '  db: { image: y }')
})

test('--no-normalize, --no-path-resolution, --no-env-resolution, --no-consistency', async () => {
  const text = 'services: { a: { image: x, links: [b], volumes: ["./v:/v"], env_file: no.env, environment: [A] } }'
  const { project } = await load(text, {
    environment: { A: '1' },
    skip: { normalization: true, pathResolution: true, envResolution: true, consistency: true },
  })
  const { a } = project.services
  assert.deepEqual([a?.networks, a?.dependsOn, a?.environment], [{}, {}, { A: null }])
  assert.deepEqual(sourcesOf(a), ['./v'])
})

test('"-" is read once and other files not at all', async () => {
  const reader = memoryReader({}, 'services: { a: { image: x } }')
  const asked: string[] = []
  const counting = { ...reader, readText: (path: string) => (asked.push(path), reader.readText(path)) }
  await loadProject({ profiles: [], environment: {}, workingDir: '/project', files: ['-'] }, counting)
  assert.deepEqual(asked, ['/project/.env'])
})
