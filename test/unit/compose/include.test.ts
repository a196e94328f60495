import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load, places, problemsOf, sourcesOf } from './support.ts'

test('include: own folder, own .env, the project wins', async () => {
  const { project } = await load(
    {
      'compose.yaml': 'include: [db/compose.yaml]\nservices: { web: { image: w, depends_on: [db] } }',
      'db/compose.yaml': `
services: { db: { image: "pg:\${TAG}-\${BOTH}", volumes: ["./init:/init", "data:/d"], env_file: db.env } }
volumes: { data: }
`,
      'db/.env': 'TAG=15\nBOTH=included',
      'db/db.env': 'X=1',
      '.env': 'BOTH=project',
    },
    {},
  )
  const { db } = project.services
  assert.equal(db?.image, 'pg:15-project')
  assert.deepEqual(db.environment, { X: '1' })
  assert.deepEqual(sourcesOf(db), ['/project/db/init', 'data'])
  assert.equal(project.volumes['data']?.name, 'project_data')
})

test('include: several paths merge, with project_directory and env_file', async () => {
  const { project } = await load({
    'compose.yaml': `
include:
  - path: [a/one.yaml, a/two.yaml]
    project_directory: other
    env_file: [x.env, y.env]
services: { web: { image: w } }
`,
    'a/one.yaml': 'services: { s: { image: "$X-$Y", volumes: ["./v:/v"] } }',
    'a/two.yaml': 'services: { s: { user: two } }',
    'x.env': 'X=1\nY=1',
    'y.env': 'Y=${X}2',
  })
  const { s } = project.services
  assert.deepEqual([s?.image, s?.user, sourcesOf(s)[0]], ['1-12', 'two', '/project/other/v'])
})

test('include: the including file overrides, includes nest, variables fill paths', async () => {
  const { project } = await load(
    {
      'compose.yaml': 'include: ["${WHICH}/compose.yaml"]\nservices: { s: { image: mine } }',
      'a/compose.yaml': 'include: [../b/compose.yaml]\nservices: { s: { image: theirs, user: u } }',
      'b/compose.yaml': 'services: { deep: { image: d } }',
    },
    { environment: { WHICH: 'a' } },
  )
  assert.deepEqual([project.services['s']?.image, project.services['s']?.user], ['mine', 'u'])
  assert.equal(project.services['deep']?.image, 'd')
})

test('include: a service of the included file can be extended by file', async () => {
  const { project } = await load({
    'compose.yaml': 'include: [a.yaml]\nservices: { web: { extends: { file: a.yaml, service: base } } }',
    'a.yaml': 'services: { base: { image: x } }',
  })
  assert.equal(project.services['web']?.image, 'x')
})

const ERRORS: readonly { name: string; files: Record<string, string>; want: string[] }[] = [
  {
    name: 'a circle',
    files: { 'compose.yaml': 'include: [b.yaml]', 'b.yaml': 'include: [compose.yaml]' },
    want: ['INCLUDE_CYCLE 1:11'],
  },
  {
    name: 'a missing file',
    files: { 'compose.yaml': 'services: { a: { image: x } }\ninclude:\n  - no.yaml' },
    want: ['FILE_NOT_FOUND 3:5'],
  },
  {
    name: 'a missing env file',
    files: {
      'compose.yaml': 'include: [{ path: b.yaml, env_file: no.env }]',
      'b.yaml': 'services: { a: { image: x } }',
    },
    want: ['FILE_NOT_FOUND 1:37'],
  },
  {
    name: 'a remote file',
    files: { 'compose.yaml': 'include: ["https://example.org/c.git"]\nservices: { a: { image: x } }' },
    want: ['REMOTE_FILE 1:11'],
  },
]

for (const { name, files, want } of ERRORS) {
  test(`include: ${name} is refused`, async () => {
    assert.deepEqual(places(await problemsOf(files)), want)
  })
}
