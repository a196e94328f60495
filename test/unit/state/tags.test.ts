/** Names with several platforms in state.db: what a name means, what it has beside, and what is left when one goes. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { openStateDatabase, type StateDatabase } from '../../../src/state/database.ts'
import {
  addPlatform,
  findTag,
  listOtherPlatforms,
  listTags,
  otherPlatformsOf,
  saveTag,
  tagsAsPlatform,
  tagsOf,
  untag,
} from '../../../src/state/tags.ts'

const reference = 'r.io/web:1'

function open(t: TestContext): StateDatabase {
  const state = openStateDatabase(':memory:')
  t.after(() => state.close())
  return state
}

test('another platform of the same index stays with the name, one of another index does not', (t) => {
  const state = open(t)
  saveTag(state, { reference, imageId: 'amd', index: 'i1' })
  saveTag(state, { reference, imageId: 'arm', index: 'i1' })
  assert.deepEqual(findTag(state, reference), { reference, imageId: 'arm', index: 'i1' })
  assert.deepEqual(otherPlatformsOf(state, reference), ['amd'])
  assert.deepEqual([tagsOf(state, 'arm'), tagsAsPlatform(state, 'arm')], [[reference], []])
  assert.deepEqual([tagsOf(state, 'amd'), tagsAsPlatform(state, 'amd')], [[], [reference]])
  assert.deepEqual(listOtherPlatforms(state), [{ reference, imageId: 'amd', index: 'i1' }])
  saveTag(state, { reference, imageId: 'new', index: 'i2' })
  assert.deepEqual(otherPlatformsOf(state, reference), [])
  addPlatform(state, { reference, imageId: 'more', index: 'i2' })
  assert.deepEqual(otherPlatformsOf(state, reference), ['more'])
  saveTag(state, { reference, imageId: 'built' })
  assert.deepEqual(listTags(state), [{ reference, imageId: 'built' }])
  assert.deepEqual(otherPlatformsOf(state, reference), [])
})

test('without the image that it means a name means the next one, and goes with the last', (t) => {
  const state = open(t)
  for (const imageId of ['a', 'b', 'c']) saveTag(state, { reference, imageId, index: 'i' })
  untag(state, reference, 'a')
  assert.deepEqual(otherPlatformsOf(state, reference), ['b'])
  untag(state, reference, 'c')
  assert.deepEqual(findTag(state, reference), { reference, imageId: 'b', index: 'i' })
  untag(state, reference, 'b')
  assert.equal(findTag(state, reference), undefined)
  assert.equal(state.prepare('SELECT count(*) AS n FROM tag_platforms').get()?.['n'], 0)
})

test('platforms of a name that was moved by an engine that knows of none are not believed', (t) => {
  const state = open(t)
  saveTag(state, { reference, imageId: 'a', index: 'i' })
  saveTag(state, { reference, imageId: 'b', index: 'i' })
  state.prepare('INSERT OR REPLACE INTO tags (reference, image_id) VALUES (?, ?)').run(reference, 'old')
  assert.deepEqual(findTag(state, reference), { reference, imageId: 'old' })
  assert.deepEqual(otherPlatformsOf(state, reference), [])
  assert.deepEqual(tagsAsPlatform(state, 'a'), [])
})
