/**
 * What `config` prints: for a file with many syntaxes, for the twenty projects of test/fixtures/projects, and for the
 * examples, which must load without a warning. What it printed loads as the same text again.
 */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { test } from 'node:test'
import { printProject } from '../../../src/compose/print.ts'
import { load } from '../../unit/compose/support.ts'

const ROOT = new URL('../../../', import.meta.url).pathname
const SNAPSHOTS = new URL('config/', import.meta.url)

/** The files of a folder, as if it were /project. */
function filesOf(folder: string): Record<string, string> {
  const names = globSync('**/{*.yaml,*.env,.env,*.label}', { cwd: posix.join(ROOT, folder) })
  return Object.fromEntries(names.map((name) => [name, readFileSync(posix.join(ROOT, folder, name), 'utf8')]))
}

for (const format of ['yaml', 'json'] as const) {
  test(`config prints ${format}`, async (t) => {
    const { project } = await load(filesOf('test/fixtures/config'))
    const path = new URL(`all.${format}`, SNAPSHOTS).pathname
    t.assert.fileSnapshot(printProject(project, format), path, { serializers: [(text: string) => text] })
  })
}

for (const file of globSync('examples/*/compose.yaml', { cwd: ROOT })) {
  const folder = posix.dirname(file)
  test(`config of ${folder}`, async (t) => {
    const { project, warnings } = await load(filesOf(folder))
    assert.deepEqual(warnings, [])
    const path = new URL(`${posix.basename(folder)}.yaml`, SNAPSHOTS).pathname
    t.assert.fileSnapshot(printProject(project, 'yaml'), path, { serializers: [(text: string) => text] })
  })
}

for (const folder of globSync('test/fixtures/projects/*', { cwd: ROOT }).toSorted()) {
  test(`config of ${folder}`, async (t) => {
    const options = { environment: { FROM_SHELL: 'shell' }, profiles: [] }
    const { project } = await load(filesOf(folder), options)
    const text = printProject(project, 'yaml')
    const path = new URL(`projects/${posix.basename(folder)}.yaml`, SNAPSHOTS).pathname
    t.assert.fileSnapshot(text, path, { serializers: [(printed: string) => printed] })
    const again = await load(text, { ...options, profiles: project.profiles })
    assert.equal(printProject(again.project, 'yaml'), text)
  })
}
