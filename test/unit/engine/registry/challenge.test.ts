import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseChallenges } from '../../../../src/engine/registry/challenge.ts'

test('a bearer challenge as Docker Hub sends it', () => {
  assert.deepEqual(
    parseChallenges(
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
    ),
    [
      {
        scheme: 'bearer',
        parameters: {
          realm: 'https://auth.docker.io/token',
          service: 'registry.docker.io',
          scope: 'repository:a/b:pull,push',
        },
      },
    ],
  )
})

test('several challenges, bare words, escapes and odd spaces', () => {
  assert.deepEqual(parseChallenges('Negotiate, Basic realm = "a \\"b\\"" , charset=UTF-8, Bearer realm=x'), [
    { scheme: 'negotiate', parameters: {} },
    { scheme: 'basic', parameters: { realm: 'a "b"', charset: 'UTF-8' } },
    { scheme: 'bearer', parameters: { realm: 'x' } },
  ])
})

test('any header is read in bounded time without an error', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii', maxLength: 300 }), (text) => Array.isArray(parseChallenges(text))),
  )
})
