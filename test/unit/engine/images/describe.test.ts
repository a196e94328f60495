import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createdMs } from '../../../../src/engine/images/describe.ts'
import { summaryOf, toImageConfig } from '../../../../src/engine/images/image-config.ts'

const TAGGED_AT = '2026-11-21T12:00:00Z'

for (const { created, want } of [
  { created: '2023-11-14T22:13:20Z', want: '2023-11-14T22:13:20.000Z' },
  { created: '1970-01-01T00:00:00Z', want: '2026-11-21T12:00:00.000Z' },
  { created: '1980-01-01T00:00:01Z', want: '2026-11-21T12:00:00.000Z' },
  { created: '0001-01-01T00:00:00Z', want: '2026-11-21T12:00:00.000Z' },
]) {
  test(`an image of ${created} is listed as of ${want}`, () => {
    const image = { id: 'sha256:1', chainIds: [], sizeBytes: 0, taggedAt: TAGGED_AT }
    const config = toImageConfig({ architecture: 'amd64', created, config: {}, diffIds: [], history: [] })
    assert.equal(new Date(createdMs({ image, facts: summaryOf(config) })).toISOString(), want)
  })
}
