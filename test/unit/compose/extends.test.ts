import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load, places, problemsOf } from './support.ts'

test('extends: own definition over the base, whole chain, base as a text', async () => {
  const { project } = await load(`
services:
  base: { image: a, environment: { A: 1, B: 1 }, depends_on: [db], ports: ["80"] }
  middle: { extends: base, environment: { B: 2 }, ports: ["81"] }
  web: { extends: { service: middle }, image: w, environment: { C: 3 } }
  db: { image: db }
`)
  const { web } = project.services
  assert.equal(web?.image, 'w')
  assert.deepEqual(web.environment, { A: '1', B: '2', C: '3' })
  assert.deepEqual(Object.keys(web.dependsOn), ['db'])
  assert.deepEqual(
    web.ports.map(({ target }) => target),
    [80, 81],
  )
})

test('extends: paths of the base are relative to its own file', async () => {
  const { project } = await load({
    'compose.yaml': `
services:
  web: { extends: { file: lib/base.yaml, service: base }, volumes: ["./own:/own"] }
`,
    'lib/base.yaml': `
services:
  base: { extends: { file: ../deeper/b.yaml, service: x }, volumes: ["./b:/b"], env_file: b.env, build: . }
`,
    'lib/b.env': 'B=1',
    'deeper/b.yaml': 'services: { x: { image: "i:${TAG:-1}", volumes: ["./x:/x"] }, unrelated: { image: y } }',
  })
  const { web } = project.services
  const sources = web?.volumes.map((volume) => (volume.type === 'bind' ? volume.source : ''))
  assert.deepEqual(sources, ['/project/deeper/x', '/project/lib/b', '/project/own'])
  assert.deepEqual([web?.image, web?.environment, web?.build?.context], ['i:1', { B: '1' }, '/project/lib'])
  assert.deepEqual(Object.keys(project.services), ['web'])
})

test('extends: !reset and !override act on the base', async () => {
  const { project } = await load(`
services:
  base: { image: a, ports: ["80"], environment: { A: 1 } }
  web: { extends: base, ports: !reset [], environment: !override { B: 2 } }
`)
  assert.deepEqual([project.services['web']?.ports, project.services['web']?.environment], [[], { B: '2' }])
})

test('extends: a problem in the other file names the way to it', async () => {
  const [problem, ...more] = await problemsOf({
    'compose.yaml': 'services:\n  web:\n    extends:\n      file: base.yaml\n      service: base\n',
    'base.yaml': 'services:\n  base:\n    image: x\n    prots: []\n',
  })
  assert.equal(problem?.location?.file, '/project/base.yaml')
  assert.deepEqual(problem.chain, ['extended by /project/compose.yaml:4'])
  assert.deepEqual(more, [])
})

const ERRORS: readonly { name: string; files: Record<string, string>; want: string[] }[] = [
  {
    name: 'a missing service',
    files: { 'compose.yaml': 'services:\n  web: { extends: wbe, image: x }\n' },
    want: ['EXTENDS_UNKNOWN 2:19'],
  },
  {
    name: 'a missing file',
    files: { 'compose.yaml': 'services:\n  web: { extends: { file: no.yaml, service: a } }\n' },
    want: ['FILE_NOT_FOUND 2:27'],
  },
  {
    name: 'a circle over files',
    files: {
      'compose.yaml': 'services:\n  web: { image: x, extends: { file: b.yaml, service: b } }\n',
      'b.yaml': 'services:\n  b: { extends: { file: compose.yaml, service: web } }\n',
    },
    want: ['EXTENDS_CYCLE 2:29'],
  },
  {
    name: 'a remote file',
    files: { 'compose.yaml': 'services:\n  web: { extends: { file: "https://x/y", service: a } }\n' },
    want: ['REMOTE_FILE 2:27'],
  },
]

for (const { name, files, want } of ERRORS) {
  test(`extends: ${name} is refused`, async () => {
    assert.deepEqual(places(await problemsOf(files)), want)
  })
}
