import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defaultName } from '../../../src/engine/images/bootstrap.ts'
import { parseReference, toCanonicalTag, toFamiliar } from '../../../src/api/reference.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`

describe('image references', () => {
  const cases: readonly { input: string; want: string; familiar?: string }[] = [
    { input: 'web', want: 'docker.io/library/web:latest', familiar: 'web:latest' },
    { input: 'web:1.2-x', want: 'docker.io/library/web:1.2-x', familiar: 'web:1.2-x' },
    { input: 'team/web', want: 'docker.io/team/web:latest', familiar: 'team/web:latest' },
    { input: 'docker.io/web', want: 'docker.io/library/web:latest', familiar: 'web:latest' },
    { input: 'index.docker.io/library/web:1', want: 'docker.io/library/web:1', familiar: 'web:1' },
    { input: 'localhost/web', want: 'localhost/web:latest' },
    { input: 'localhost:5000/web:2', want: 'localhost:5000/web:2' },
    { input: 'ghcr.io/a/b__c/d-e.f', want: 'ghcr.io/a/b__c/d-e.f:latest' },
    { input: '[::1]:5000/web', want: '[::1]:5000/web:latest' },
    { input: `web:1@${DIGEST}`, want: 'docker.io/library/web:1', familiar: 'web:1' },
  ]
  for (const { input, want, familiar } of cases)
    it(input, () => {
      assert.equal(toCanonicalTag(parseReference(input)), want)
      assert.equal(toFamiliar(want), familiar ?? want)
    })

  it('a digest is kept, and stands for a tag', () =>
    assert.deepEqual(parseReference(`web@${DIGEST}`), { domain: 'docker.io', path: 'library/web', digest: DIGEST }))

  for (const input of [
    '',
    'Web',
    'web:',
    'web:a b',
    'a//b',
    '-a',
    'a_-b',
    'web@sha256:12',
    `a@${DIGEST}@${DIGEST}`,
    'a'.repeat(64),
    `x/${'y'.repeat(256)}`,
    '../etc',
    'ex ample.com/a',
    'a\u001b[1m',
  ])
    it(`refuses ${JSON.stringify(input.slice(0, 20))}`, () =>
      assert.throws(() => parseReference(input), { code: 'IMAGE_REFERENCE' }))
})

it('an image with packages is named after its base and them', () => {
  assert.equal(defaultName('debian:bookworm-slim', []), 'debian:bookworm-slim')
  assert.equal(defaultName('debian:bookworm-slim', ['jq', 'curl']), 'debian:bookworm-slim-curl-jq')
  assert.equal(defaultName('debian:12', ['g++']), 'debian:12-g__')
})
