import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Handler } from '../../../src/api/server/answer.ts'
import { createRouter } from '../../../src/api/server/router.ts'
import { InvalidRequestError, NotFoundError } from '../../../src/errors.ts'

const handler = (): Handler => () => Promise.resolve({ kind: 'empty', status: 200 })
const routes = {
  'GET /containers/json': handler(),
  'GET /containers/{id}/json': handler(),
  'GET /images/{name+}/json': handler(),
  'DELETE /images/{name+}': handler(),
  'GET /networks': handler(),
  'GET /_ping': handler(),
}
const router = createRouter(routes)

describe('router', () => {
  const cases = [
    { path: 'GET /containers/json', route: 'GET /containers/json', params: {}, version: '1.51' },
    { path: 'GET /v1.44/containers/json', route: 'GET /containers/json', params: {}, version: '1.44' },
    {
      path: 'GET /v1.24/containers/a%20b/json',
      route: 'GET /containers/{id}/json',
      params: { id: 'a b' },
      version: '1.24',
    },
    {
      path: 'GET /images/reg.io:5000/a/b:1/json',
      route: 'GET /images/{name+}/json',
      params: { name: 'reg.io:5000/a/b:1' },
      version: '1.51',
    },
    {
      path: 'GET /images/a%2Fb@sha256:0/json',
      route: 'GET /images/{name+}/json',
      params: { name: 'a/b@sha256:0' },
      version: '1.51',
    },
    { path: 'DELETE /images/a/b', route: 'DELETE /images/{name+}', params: { name: 'a/b' }, version: '1.51' },
    { path: 'GET /networks/', route: 'GET /networks', params: {}, version: '1.51' },
    { path: 'GET /_ping', route: 'GET /_ping', params: {}, version: '1.51' },
  ]
  for (const { path, route, params, version } of cases)
    it(path, () => {
      const [method = '', target = ''] = path.split(' ')
      const match = router.match(method, target)
      assert.equal(match.handler, routes[route as keyof typeof routes])
      assert.deepEqual(match.params, params)
      assert.equal(match.version, version)
    })

  for (const path of [
    'GET /nothing',
    'POST /containers/json',
    'GET /containers/a/b/json',
    'GET /containers/json/x',
    'GET /',
  ])
    it(`has no page for ${path}`, () => {
      const [method = '', target = ''] = path.split(' ')
      assert.throws(() => router.match(method, target), { constructor: NotFoundError, message: 'page not found' })
    })

  it('says which versions it speaks, in words clients know', () => {
    assert.throws(() => router.match('GET', '/v1.99/networks'), {
      message: 'client version 1.99 is too new. Maximum supported API version is 1.51',
    })
    assert.throws(() => router.match('GET', '/v1.12/networks'), {
      message:
        'client version 1.12 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version',
    })
  })

  it('refuses malformed percent-encoding', () => {
    assert.throws(() => router.match('GET', '/containers/%zz/json'), InvalidRequestError)
  })
})
