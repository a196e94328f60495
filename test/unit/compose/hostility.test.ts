/**
 * Files that are hostile or broken as a whole: a clear error, or a project, at once.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load, places, problemsOf } from './support.ts'

test('a text of a million characters in quotes', async () => {
  const { project } = await load(`services: { web: { image: a, user: "${'x'.repeat(1_000_000)}" } }`)
  assert.equal(project.services['web']?.user?.length, 1_000_000)
})

test('a replacement character that was written is a character', async () => {
  const { project } = await load('services: { web: { image: a, hostname: "a\uFFFD" } }')
  assert.equal(project.services['web']?.hostname, 'a\uFFFD')
})

test('lists and mappings nested without end', async () => {
  for (const text of [`a: ${'['.repeat(20_000)}`, `a: ${'{a: '.repeat(20_000)}`]) {
    const [problem] = await problemsOf(text)
    assert.equal(problem?.code, 'YAML_SYNTAX')
    assert.doesNotMatch(problem.message, /call stack/)
  }
})

test('all ports of two protocols', async () => {
  const { project } = await load('services: { web: { image: a, ports: ["1-65535:1-65535", "1-65535/udp"] } }')
  assert.equal(project.services['web']?.ports.length, 2 * 65_535)
})

test('a problem that is found after merging names the include that led to its file', async () => {
  const problems = await problemsOf({
    'compose.yaml': 'include: [sub.yaml]\nservices: { a: { image: x } }',
    'sub.yaml': 'services: { b: { image: x, volumes: ["nope:/x"] } }',
  })
  assert.deepEqual(problems[0]?.chain, ['included from /project/compose.yaml:1'])
})

test('one host port for two services is a warning', async () => {
  const { warnings } = await load(
    'services: { a: { image: x, ports: ["80:80"] }, b: { image: x, ports: ["127.0.0.1:80:1", "80:80/udp"] } }',
  )
  assert.deepEqual(places(warnings), ['PORT_CLASH 1:71'])
})

test('--no-interpolate keeps texts with variables, and tells the variables', async () => {
  const text = 'services: { web: { image: "a:${TAG:-1}", ports: ["${P:?}:80"], scale: "${N}", command: "x $Y" } }'
  const { project, variables } = await load(text, { skip: { interpolation: true } })
  assert.deepEqual(project.services['web']?.ports, ['${P:?}:80'])
  assert.deepEqual(
    variables().map(({ name, defaultValue, required }) => [name, defaultValue, required]),
    [
      ['N', '', false],
      ['P', '', true],
      ['TAG', '1', false],
      ['Y', '', false],
    ],
  )
})

/** CPU time: other programs of a busy machine do not count. On an idle one each of these takes less than a second. */
const MOST_MS = 20_000

const service = (lines: string): string => `services:\n  web:\n    image: a\n${lines}`
const repeated = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => line(index)).join('')
const flowList = (count: number, item: string): string => `[${Array.from({ length: count }, () => item).join(', ')}]`

/** Each is told in bounded time, as few problems of bounded length. */
const HOSTILE: Readonly<Record<string, { readonly text: string; readonly code: string }>> = {
  'a hundred thousand "${a:-" in one another': {
    text: service(`    user: "${'${a:-'.repeat(100_000)}"`),
    code: 'INTERPOLATION_INVALID',
  },
  'a hundred thousand "${a" behind one another': {
    text: service(`    user: "${'${a'.repeat(100_000)}"`),
    code: 'INTERPOLATION_INVALID',
  },
  'bad variables on as many lines': {
    text: service(`    labels:\n${repeated(10_000, (index) => `      l${index}: "\${a"\n`)}`),
    code: 'INTERPOLATION_INVALID',
  },
  'bad variables, all on one line': {
    text: `services: { web: { image: a, labels: ${flowList(10_000, '"a=${a"')} } }`,
    code: 'INTERPOLATION_INVALID',
  },
  'one key again and again': { text: service(repeated(10_000, () => '    user: a\n')), code: 'DUPLICATE_KEY' },
  'one service again and again': {
    text: `services:\n${repeated(10_000, () => '  web:\n    image: a\n')}`,
    code: 'DUPLICATE_KEY',
  },
  'keys that nobody knows': { text: service(repeated(5000, (index) => `    k${index}: a\n`)), code: 'UNKNOWN_KEY' },
  'a key of a million characters': { text: service(`    ${'k'.repeat(1_000_000)}: a\n`), code: 'UNKNOWN_KEY' },
  'items of another type': { text: service(`    cap_add: ${flowList(10_000, '{ a: 1 }')}`), code: 'SCHEMA_TYPE' },
  'ports that are none': {
    text: service(`    ports:\n${repeated(10_000, (index) => `      - "x${index}"\n`)}`),
    code: 'INVALID_VALUE',
  },
  'networks that are not there': {
    text: `services:\n${repeated(3000, (index) => `  s${index}: { image: a, networks: [n${index}] }\n`)}`,
    code: 'UNDEFINED_NETWORK',
  },
}

for (const [name, { text, code }] of Object.entries(HOSTILE))
  test(`bounded: ${name}`, async () => {
    const before = process.cpuUsage()
    const problems = await problemsOf(text)
    const { user, system } = process.cpuUsage(before)
    assert.equal(problems[0]?.code, code)
    assert.ok(problems.length <= 1001, String(problems.length))
    assert.ok(problems.every(({ message }) => message.length < 1100))
    assert.ok((user + system) / 1000 < MOST_MS, `${(user + system) / 1000} ms`)
  })

test('a million dollar signs are text, and every two of them one', async () => {
  const { project } = await load(service(`    user: "${'$'.repeat(1_000_000)}"`))
  assert.equal(project.services['web']?.user?.length, 500_000)
})

test('variables as deep as they may be, ten thousand times', async () => {
  const nested = `${'${a:-'.repeat(31)}x${'}'.repeat(31)}`
  const { project } = await load(
    service(`    labels:\n${repeated(10_000, (index) => `      l${index}: "${nested}"\n`)}`),
  )
  assert.equal(project.services['web']?.labels['l9999'], 'x')
})

test('all host ports, published twice: the warnings have an end, and say so', async () => {
  const { warnings } = await load(
    'services:\n  a: { image: x, ports: ["1-65535:1-65535"] }\n  b: { image: x, ports: ["1-65535:1-65535"] }\n',
  )
  assert.equal(warnings.length, 1001)
  assert.deepEqual(warnings.at(-1)?.code, 'MORE_PROBLEMS')
})

test('more variables without value than anyone reads', async () => {
  const { warnings } = await load(
    service(`    labels:\n${repeated(5000, (index) => `      l${index}: "\${V${index}}"\n`)}`),
  )
  assert.equal(warnings.length, 1001)
})
