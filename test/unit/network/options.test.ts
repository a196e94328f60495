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
    mode4: 'nat',
    mode6: 'nat',
    trusted: [],
    inhibitIpv4: false,
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
    [`${NET}bridge.gateway_mode_ipv6`]: 'routed',
    [`${NET}bridge.trusted_host_interfaces`]: 'wg0:eth1',
    [`${NET}bridge.inhibit_ipv4`]: 'true',
  })
  assert.deepEqual(options, {
    bridgeName: 'br-app',
    mtu: 1400,
    icc: false,
    masquerade: false,
    hostBindingIpv4: '127.0.0.1',
    mode4: 'open',
    mode6: 'routed',
    trusted: ['wg0', 'eth1'],
    inhibitIpv4: true,
  })
})

for (const [key, value, code] of [
  ['bridge.name', 'a-name-that-is-too-long', 'INVALID_NETWORK_OPTION'],
  ['bridge.name', 'a/b', 'INVALID_NETWORK_OPTION'],
  ['driver.mtu', '10', 'INVALID_NETWORK_OPTION'],
  ['driver.mtu', 'many', 'INVALID_NETWORK_OPTION'],
  ['bridge.enable_icc', 'perhaps', 'INVALID_NETWORK_OPTION'],
  ['bridge.host_binding_ipv4', 'localhost', 'INVALID_NETWORK_OPTION'],
  ['bridge.gateway_mode_ipv4', 'bridged', 'INVALID_NETWORK_OPTION'],
  ['bridge.gateway_mode_ipv6', 'constructor', 'INVALID_NETWORK_OPTION'],
  ['bridge.trusted_host_interfaces', 'eth0:"; drop', 'INVALID_NETWORK_OPTION'],
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
