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
