import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseResolvConf, renderResolvConf, upstreamServers } from '../../../src/engine/resolv-conf.ts'

const HOST = parseResolvConf(`# comment
nameserver 192.0.2.53
nameserver 2001:db8::53 ; trailing
domain old.example
search example.com  corp.example
options edns0 trust-ad
`)
const STUB = parseResolvConf('nameserver 127.0.0.53\noptions edns0\nsearch .\n')
const RESOLVED = parseResolvConf('nameserver 198.51.100.1\nnameserver fe80::1%eth0\n')
const none = { dns: [], search: [], options: [], resolved: undefined }

test('parsing', () => {
  assert.deepEqual(HOST, {
    servers: ['192.0.2.53', '2001:db8::53'],
    search: ['example.com', 'corp.example'],
    options: ['edns0', 'trust-ad'],
  })
})

test('servers to ask from the host: a stub first, what stands behind it second', () => {
  assert.deepEqual(upstreamServers(HOST, RESOLVED), ['192.0.2.53', '2001:db8::53'])
  assert.deepEqual(upstreamServers(STUB, RESOLVED), ['127.0.0.53', '198.51.100.1'])
  assert.deepEqual(upstreamServers(STUB, undefined), ['127.0.0.53'])
})

test('with the embedded resolver', () => {
  assert.equal(
    renderResolvConf({ ...none, host: HOST, dns: ['9.9.9.9'], network: 'embedded' }),
    'nameserver 127.0.0.11\nsearch example.com corp.example\noptions edns0 trust-ad ndots:0\n',
  )
  assert.equal(
    renderResolvConf({ ...none, host: HOST, search: ['.'], options: ['ndots:2'], network: 'embedded' }),
    'nameserver 127.0.0.11\noptions ndots:2\n',
  )
})

test('without it no loopback server is left', () => {
  assert.equal(
    renderResolvConf({ ...none, host: STUB, resolved: RESOLVED, network: 'other' }),
    'nameserver 198.51.100.1\nnameserver fe80::1%eth0\noptions edns0\n',
  )
  assert.equal(
    renderResolvConf({ ...none, host: HOST, dns: ['9.9.9.9'], search: ['a.example'], network: 'other' }),
    'nameserver 9.9.9.9\nsearch a.example\noptions edns0 trust-ad\n',
  )
})

test("on the host's network its own resolver is left as it is", () => {
  assert.equal(
    renderResolvConf({ ...none, host: STUB, resolved: RESOLVED, network: 'host' }),
    'nameserver 127.0.0.53\noptions edns0\n',
  )
})

test('the last search wins, options add up, comments and unknown words fall away', () => {
  const text = 'nameserver 192.0.2.1 # one\nsearch a b\n; x\nsearch c\noptions edns0\noptions timeout:1\nwhat ever\n'
  assert.deepEqual(parseResolvConf(text), {
    servers: ['192.0.2.1'],
    search: ['c'],
    options: ['edns0', 'timeout:1'],
  })
})
