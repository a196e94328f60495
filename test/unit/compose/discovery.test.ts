/**
 * Which files make a project, its variables and its name.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { identifyProject, loadProject } from '../../../src/compose/load.ts'
import { normaliseProjectName } from '../../../src/compose/project-name.ts'
import { load, memoryReader, places, problemsOf, sourcesOf } from './support.ts'

const ONE = 'services: { a: { image: "x:${TAG:-none}" } }'

test('discovery: names in their order, with a warning for two', async () => {
  const { project, warnings } = await load({
    'docker-compose.yml': 'services: { b: { image: x } }',
    'compose.yml': ONE,
  })
  assert.deepEqual(project.composeFiles, ['/project/compose.yml'])
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['SEVERAL_FILES'],
  )
})

test('discovery: upward, and the folder found is the project folder', async () => {
  const { project } = await load({ 'compose.yaml': ONE }, { workingDir: '/project/a/b' })
  assert.deepEqual([project.workingDir, project.name], ['/project', 'project'])
})

test('discovery: one override file beside, none with -f', async () => {
  const files = { 'compose.yaml': ONE, 'compose.override.yml': 'services: { a: { user: o } }' }
  assert.equal((await load(files)).project.services['a']?.user, 'o')
  assert.equal((await load(files, { files: ['compose.yaml'] })).project.services['a']?.user, undefined)
})

test('discovery: several -f are relative to the folder of the first', async () => {
  const { project } = await load(
    {
      'sub/one.yaml': 'services: { a: { image: x, volumes: ["./v:/v"] } }',
      'other/two.yaml': 'services: { a: { volumes: ["./w:/w"] } }',
    },
    { files: ['sub/one.yaml', 'other/two.yaml'] },
  )
  assert.deepEqual(sourcesOf(project.services['a']), ['/project/sub/v', '/project/sub/w'])
  assert.deepEqual([project.name, project.workingDir], ['sub', '/project/sub'])
})

test('discovery: COMPOSE_FILE with its separator, from the shell and from .env', async () => {
  const files = { 'a.yaml': ONE, 'b.yaml': 'services: { b: { image: y } }' }
  const fromShell = await load(files, { environment: { COMPOSE_FILE: 'a.yaml:b.yaml' } })
  assert.deepEqual(Object.keys(fromShell.project.services), ['a', 'b'])
  const fromFile = await load({ ...files, '.env': 'COMPOSE_FILE=a.yaml;b.yaml\nCOMPOSE_PATH_SEPARATOR=;' })
  assert.deepEqual(Object.keys(fromFile.project.services), ['a', 'b'])
  const named = await load(files, { files: ['b.yaml'], environment: { COMPOSE_FILE: 'a.yaml' } })
  assert.deepEqual(Object.keys(named.project.services), ['b'])
})

test('discovery: standard input belongs to the current folder', async () => {
  const { project } = await load({}, { files: ['-'], stdin: 'services: { a: { image: x, volumes: ["./v:/v"] } }' })
  assert.deepEqual(sourcesOf(project.services['a']), ['/project/v'])
  assert.deepEqual([project.composeFiles, project.name], [['-'], 'project'])
})

test('discovery: --project-directory', async () => {
  const { project } = await load(
    { 'a.yaml': 'services: { a: { image: "$X", volumes: ["./v:/v"] } }', 'dir/.env': 'X=1' },
    { files: ['a.yaml'], projectDirectory: 'dir' },
  )
  assert.deepEqual(sourcesOf(project.services['a']), ['/project/dir/v'])
  assert.deepEqual([project.workingDir, project.services['a']?.image], ['/project/dir', '1'])
})

test('discovery: no file', async () => {
  await assert.rejects(load({}), { code: 'NO_COMPOSE_FILE' })
  await assert.rejects(load({}, { files: ['no.yaml'] }), { code: 'FILE_NOT_FOUND' })
})

test('variables: shell over the last --env-file over the first', async () => {
  const image = async (options: Parameters<typeof load>[1]): Promise<string | undefined> =>
    (
      await load(
        {
          'compose.yaml': 'services: { a: { image: "$A$B$C" } }',
          '.env': 'A=e\nB=e\nC=e',
          'x.env': 'A=x\nB=x\nC=x',
          'y.env': 'B=y\nC=y${A}',
        },
        options,
      )
    ).project.services['a']?.image
  assert.equal(await image({}), 'eee')
  assert.equal(await image({ environment: { C: 's' } }), 'ees')
  assert.equal(await image({ envFiles: ['x.env', 'y.env'], environment: { B: 's' } }), 'xsyx')
  assert.equal(await image({ environment: { COMPOSE_ENV_FILES: 'x.env,y.env' } }), 'xyyx')
  assert.equal(await image({ environment: { COMPOSE_DISABLE_ENV_FILE: 'true', A: 'a' } }), 'a')
})

test('variables: .env of the current folder over that of the project folder', async () => {
  const { project } = await load(
    { 'sub/compose.yaml': 'services: { a: { image: "$A$B" } }', 'sub/.env': 'A=s\nB=s', '.env': 'A=c' },
    { files: ['sub/compose.yaml'] },
  )
  assert.equal(project.services['a']?.image, 'cs')
})

test('variables: a missing --env-file', async () => {
  assert.deepEqual(places(await problemsOf({ 'compose.yaml': ONE }, { envFiles: ['no.env'] })), ['FILE_NOT_FOUND -:-'])
  // nothing that only follows from it
  const needs = { 'compose.yaml': 'services: { a: { image: "a:${TAG:?}" } }' }
  assert.deepEqual(places(await problemsOf(needs, { envFiles: ['no.env'] })), ['FILE_NOT_FOUND -:-'])
})

const NAMES: readonly { name: string; options: Parameters<typeof load>[1]; file?: string; want: string }[] = [
  { name: 'the folder', options: {}, want: 'project' },
  { name: 'the file', options: {}, file: 'name: from-file', want: 'from-file' },
  { name: 'the file, interpolated', options: { environment: { N: 'n' } }, file: 'name: x-${N}', want: 'x-n' },
  { name: 'the last document', options: {}, file: 'name: a\n---\nname: b', want: 'b' },
  {
    name: 'COMPOSE_PROJECT_NAME',
    options: { environment: { COMPOSE_PROJECT_NAME: 'env' } },
    file: 'name: from-file',
    want: 'env',
  },
  {
    name: '-p',
    options: { projectName: 'option', environment: { COMPOSE_PROJECT_NAME: 'env' } },
    file: 'name: from-file',
    want: 'option',
  },
]

for (const { name, options, file = '', want } of NAMES) {
  test(`project name: ${name}`, async () => {
    const text = `services: { a: { image: "\${COMPOSE_PROJECT_NAME}" } }\n${file}`
    const { project } = await load(text, options)
    assert.equal(project.name, want)
    assert.equal(project.services['a']?.image, want)
    assert.equal(project.networks['default']?.name, `${want}_default`)
    const identity = await identifyProject(
      { profiles: [], environment: {}, workingDir: '/project', ...options },
      memoryReader({ 'compose.yaml': text }),
    )
    assert.equal(identity.name, want)
  })
}

test('project name: normalised from the folder only', () => {
  assert.equal(normaliseProjectName('_My Project.2!'), 'myproject2')
  assert.equal(normaliseProjectName('Äß'), '')
})

test('project name: invalid ones', async () => {
  await assert.rejects(load(ONE, { projectName: 'My Project' }), { code: 'PROJECT_NAME' })
  assert.deepEqual(places(await problemsOf(`${ONE}\nname: "..."`)), ['PROJECT_NAME 2:7'])
})

test('project name: one of a file is made valid, with a warning', async () => {
  const { project, warnings } = await load(`${ONE}\nname: My.Project`)
  assert.equal(project.name, 'myproject')
  assert.deepEqual(places(warnings), ['PROJECT_NAME 2:7'])
})

test('identifyProject needs no file when the name is given', async () => {
  const identity = await identifyProject(
    { profiles: [], environment: {}, workingDir: '/elsewhere', projectName: 'p' },
    memoryReader({}),
  )
  assert.deepEqual(identity, { name: 'p', workingDir: '/elsewhere', composeFiles: [] })
})

test('identifyProject does not look at the services', async () => {
  const identity = await identifyProject(
    { profiles: [], environment: {}, workingDir: '/project' },
    memoryReader({ 'compose.yaml': 'name: n\nservices: { web: { image: "${X?}", prots: 1 } }' }),
  )
  assert.equal(identity.name, 'n')
})

test('a file that cannot be read is a problem, not a crash', async () => {
  const reader = memoryReader({ 'compose.yaml': ONE })
  const denied = {
    ...reader,
    readText: async (path: string): Promise<string | undefined> => {
      if (path.endsWith('.env')) throw new Error('EACCES: permission denied')
      return await reader.readText(path)
    },
  }
  const request = { profiles: [], environment: {}, workingDir: '/project' }
  await assert.rejects(loadProject(request, denied), { code: 'FILE_UNREADABLE' })
})

test('discovery: a remote -f is refused by name', async () => {
  for (const file of ['oci://registry.example/app:1', 'https://github.com/a/b.git', 'git@github.com:a/b.git']) {
    await assert.rejects(load({ 'compose.yaml': 'services: {}' }, { files: [file] }), {
      code: 'REMOTE_FILE',
      message: `cannot read the Compose file "${file}": remote files are not supported yet`,
    })
  }
})
