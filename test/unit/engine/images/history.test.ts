import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHistory } from '../../../../src/engine/images/history.ts'

const config = {
  architecture: 'amd64',
  os: 'linux',
  created: '2026-01-02T00:00:00Z',
  rootfs: { type: 'layers' as const, diff_ids: [] },
}
const steps = [
  { created: '2026-01-01T00:00:00Z', created_by: 'ADD rootfs' },
  { created_by: 'ENV A=b', empty_layer: true },
  { created_by: 'RUN make', comment: 'why' },
]

test('newest first; only steps with a layer have a size; the image itself is the first', () => {
  const items = toHistory({
    id: 'sha256:1',
    config: { ...config, history: steps },
    tags: ['web:1'],
    layerBytes: [10, 20],
  })
  assert.deepEqual(
    items.map(({ Id, CreatedBy, Size, Tags, Comment }) => [Id, CreatedBy, Size, Tags, Comment]),
    [
      ['sha256:1', 'RUN make', 20, ['web:1'], 'why'],
      ['<missing>', 'ENV A=b', 0, null, ''],
      ['<missing>', 'ADD rootfs', 10, null, ''],
    ],
  )
  assert.equal(items[2]?.Created, Date.UTC(2026, 0, 1) / 1000)
})

test('a history that does not count as many layers as there are tells nothing', () => {
  const items = toHistory({ id: 'sha256:1', config: { ...config, history: steps }, tags: [], layerBytes: [1, 2, 3] })
  assert.deepEqual(
    items.map(({ CreatedBy, Size }) => [CreatedBy, Size]),
    [
      ['', 3],
      ['', 2],
      ['', 1],
    ],
  )
})
