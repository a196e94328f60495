/** Where credentials may go, and what the settings say. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkRealm } from '../../../../src/engine/registry/authorization.ts'
import { isLoopback, parseRegistrySettings, type RegistryEndpoint } from '../../../../src/engine/registry/endpoints.ts'
import { retryAfterMs } from '../../../../src/engine/registry/transport.ts'

function endpoint(host: string, more: Partial<RegistryEndpoint> = {}): RegistryEndpoint {
  const url = new URL(`https://${host}/`)
  return { host, url, tls: { verify: true }, isMirror: false, mayBePlain: false, tokenServers: [], ...more }
}

const ALLOWED = [
  ['https://auth.docker.io/token', endpoint('registry-1.docker.io')],
  ['https://gitlab.example.org/jwt/auth', endpoint('registry.example.org:5050')],
  ['https://api.example.net/token', endpoint('rg.example.cloud', { tokenServers: ['api.example.net'] })],
  ['http://127.0.0.1:5001/token', endpoint('127.0.0.1:5000', { mayBePlain: true })],
] as const

for (const [realm, of] of ALLOWED)
  test(`credentials for ${of.host} may go to ${realm}`, () => {
    checkRealm(new URL(realm), of, true)
  })

const REFUSED = [
  ['https://evil.example/token', endpoint('registry-1.docker.io')],
  ['http://auth.docker.io/token', endpoint('registry-1.docker.io')],
  ['https://10.0.0.9/token', endpoint('10.0.0.8:5000')],
  ['http://127.0.0.2/token', endpoint('127.0.0.1:5000', { mayBePlain: true })],
  ['file:///etc/passwd', endpoint('registry-1.docker.io')],
] as const

for (const [realm, of] of REFUSED)
  test(`credentials for ${of.host} do not go to ${realm}`, () => {
    assert.throws(() => checkRealm(new URL(realm), of, true), { code: 'REGISTRY_REALM' })
  })

test('settings are read and checked', () => {
  const settings = parseRegistrySettings('{"mirrors": {"docker.io": ["http://m:5000"]}, "insecure": ["a:1"]}', 'f')
  assert.deepEqual(settings, { mirrors: { 'docker.io': ['http://m:5000'] }, insecure: ['a:1'], tokenServers: {} })
  for (const text of [
    '{',
    '[]',
    '{"mirror": {}}',
    '{"mirrors": {"a": "b"}}',
    '{"mirrors": {"a": ["ftp://x"]}}',
    '{"insecure": "a"}',
  ])
    assert.throws(() => parseRegistrySettings(text, '/etc/mycompose/registries.json'), {
      code: 'REGISTRY_SETTINGS',
      message: /^\/etc\/mycompose\/registries\.json: /,
    })
})

test('loopback is told by its name or address', () => {
  assert.deepEqual(
    ['localhost:5000', '127.9.9.9', '[::1]:5', '127.0.0.1.evil.example', '10.0.0.1'].map((host) => isLoopback(host)),
    [true, true, true, false, false],
  )
})

test('Retry-After is seconds or a date', () => {
  assert.equal(retryAfterMs('3', 0), 3000)
  assert.equal(retryAfterMs('Thu, 01 Jan 1970 00:00:05 GMT', 1000), 4000)
  assert.equal(retryAfterMs('soon', 0), undefined)
})
