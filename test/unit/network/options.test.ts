import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isInterfaceName, parseBridgeOptions, unknownOptions } from '../../../src/network/options.ts'

const NET = 'com.docker.network.'

test('defaults', () => {
  assert.deepEqual(parseBridgeOptions({}), {
    bridgeName: undefined,
    mtu: undefined,
    icc: true,
    masquerade: true,
    hostBindingIpv4: '0.0.0.0',
    direct: false,
  })
})

test('what users set', () => {
  const options = parseBridgeOptions({
    [`${NET}bridge.name`]: 'br-app',
    [`${NET}driver.mtu`]: '1400',
    [`${NET}bridge.enable_icc`]: 'false',
    [`${NET}bridge.enable_ip_masquerade`]: '0',
    [`${NET}bridge.host_binding_ipv4`]: '127.0.0.1',
    [`${NET}bridge.gateway_mode_ipv4`]: 'nat-unprotected',
  })
  assert.deepEqual(options, {
    bridgeName: 'br-app',
    mtu: 1400,
    icc: false,
    masquerade: false,
    hostBindingIpv4: '127.0.0.1',
    direct: true,
  })
})

for (const [key, value, code] of [
  ['bridge.name', 'a-name-that-is-too-long', 'INVALID_NETWORK_OPTION'],
  ['bridge.name', 'a/b', 'INVALID_NETWORK_OPTION'],
  ['driver.mtu', '10', 'INVALID_NETWORK_OPTION'],
  ['driver.mtu', 'many', 'INVALID_NETWORK_OPTION'],
  ['bridge.enable_icc', 'perhaps', 'INVALID_NETWORK_OPTION'],
  ['bridge.host_binding_ipv4', 'localhost', 'INVALID_NETWORK_OPTION'],
  ['bridge.gateway_mode_ipv4', 'routed', 'UNSUPPORTED'],
] as const)
  test(`refused: ${key}=${value}`, () => assert.throws(() => parseBridgeOptions({ [NET + key]: value }), { code }))

test('options without effect are told by name', () => {
  assert.deepEqual(unknownOptions({ b: '1', a: '2', [`${NET}driver.mtu`]: '1400' }), ['a', 'b'])
})

test('interface names', () => {
  for (const name of ['eth0', 'a', 'br-1.2_3', 'fifteen-bytes-x']) assert.ok(isInterfaceName(name), name)
  for (const name of ['', '.', '..', 'a b', 'a:b', 'sixteen-bytes-xx', 'äöüäöüäö'])
    assert.ok(!isInterfaceName(name), name)
})
