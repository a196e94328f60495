/**
 * The schema, its compiled form and the table of canonical forms belong together.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { compileSchema } from '../../../scripts/compile-schema.ts'
import { SERVICE_FIELDS } from '../../../src/compose/canonical/service.ts'
import { editDistance, nearestName } from '../../../src/edit-distance.ts'
import schema from '../../../schemas/compose.schema.json' with { type: 'json' }

test('the compiled schema is up to date', async () => {
  const committed = readFileSync(new URL('../../../schemas/compose.validate.js', import.meta.url), 'utf8')
  assert.ok(committed === (await compileSchema()), 'run: node scripts/compile-schema.ts')
})

test('every service attribute of the schema has a canonical form', () => {
  assert.deepEqual(Object.keys(SERVICE_FIELDS).toSorted(), Object.keys(schema.$defs.service.properties).toSorted())
  assert.equal(Object.keys(SERVICE_FIELDS).length, 93)
})

test('edit distance', () => {
  assert.equal(editDistance('', ''), 0)
  assert.equal(editDistance('image', 'imge'), 1)
  assert.equal(editDistance('ports', 'prots'), 1)
  assert.equal(editDistance('abc', ''), 3)
})

test('nearest name', () => {
  assert.equal(nearestName('imge', ['image', 'init']), 'image')
  assert.equal(nearestName('restartPolicy', ['restart_policy', 'restart']), 'restart_policy')
  const many = Array.from({ length: 1000 }, (_, index) => `x${index + 1000}`)
  assert.equal(nearestName('imge', ['image', ...many]), 'image')
  assert.equal(nearestName('imge1', [...many, 'image1']), undefined, 'not all of a thousand are looked at')
  assert.equal(nearestName('zzz', ['image']), undefined)
})
