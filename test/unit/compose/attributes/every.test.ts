/**
 * One project that says every attribute of a service and of the top level: a test fails when the schema has one that
 * it does not say. It is printed and loaded again, as YAML and JSON.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse } from 'yaml'
import schema from '../../../../schemas/compose.schema.json' with { type: 'json' }
import { printProject } from '../../../../src/compose/print.ts'
import { load } from '../support.ts'

const FILE = new URL('every.yaml', import.meta.url)

interface Written {
  readonly services: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

test('every attribute of a service and of the file is tried', () => {
  const written = parse(readFileSync(FILE, 'utf8')) as Written
  const said = new Set(Object.values(written.services).flatMap((service) => Object.keys(service)))
  assert.deepEqual([...said].toSorted(), Object.keys(schema.$defs.service.properties).toSorted())
  assert.deepEqual(Object.keys(written).toSorted(), Object.keys(schema.properties).toSorted())
})

for (const format of ['yaml', 'json'] as const) {
  test(`every attribute survives ${format}`, async () => {
    const others = {
      'base.yaml': 'services: { base: { image: base } }',
      'part.yaml': 'services: { part: { image: part } }',
      'web.env': 'FROM_FILE=1\n',
      'web.label': 'from.file=1\n',
    }
    const options = { skip: { envResolution: true } } as const
    const files = { ...others, 'compose.yaml': readFileSync(FILE, 'utf8') }
    const { project } = await load(files, { ...options, profiles: ['*'] })
    const text = printProject(project, format)
    const again = await load({ ...others, 'compose.yaml': text }, { ...options, profiles: ['*'] })
    assert.deepEqual(again.project.services, project.services)
    assert.equal(printProject(again.project, format), text)
    // what is gone after a load on purpose: files that were read in
    const printed = JSON.parse(printProject(project, 'json')) as Written
    const kept = new Set(Object.values(printed.services).flatMap((service) => Object.keys(service)))
    const gone = Object.keys(schema.$defs.service.properties).filter((key) => !kept.has(key))
    assert.deepEqual(gone.toSorted(), ['extends'])
  })
}
