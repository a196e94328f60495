/** The netlink wire format against bytes as iproute2 sends them (strace) and against damaged ones. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressBytes, addressText } from '../../../src/host/ip-address.ts'
import {
  attribute,
  decodeAcknowledgement,
  decodeAttributes,
  decodeMessages,
  encodeMessage,
  nested,
  text,
  u32,
} from '../../../src/host/netlink.ts'
import { addressBody, routeBody } from '../../../src/host/netlink-route.ts'

test('messages and attributes, padded to four bytes', () => {
  assert.equal(attribute(3, 'br0').toString('hex'), '0800030062723000')
  assert.equal(attribute(3, 'br00').toString('hex'), '090003006272303000000000')
  assert.equal(
    nested(18, [attribute(1, 'veth')]).toString('hex'),
    ['1000128009000100', '7665746800', '000000'].join(''),
  )
  const message = { type: 16, flags: 5, sequence: 9, body: Buffer.from([1, 2, 3]) }
  const bytes = encodeMessage(message)
  assert.equal(bytes.length, 20)
  assert.deepEqual(decodeMessages(Buffer.concat([bytes, bytes])), [message, message])
})

test('"ip address add 10.9.0.1/24" and "ip route add default via 10.9.0.1"', () => {
  assert.equal(
    addressBody(7, '10.9.0.1/24').toString('hex'),
    ['02180000', '07000000', '08000200', '0a090001', '08000100', '0a090001', '08000400', '0a0900ff'].join(''),
  )
  assert.equal(
    routeBody({ gateway: '10.9.0.1', index: 7 }).toString('hex'),
    ['02000000', 'fe040001', '00000000', '08000500', '0a090001', '08000400', '07000000'].join(''),
  )
})

test('acknowledgements with and without the kernel’s words', () => {
  const error = Buffer.alloc(20)
  error.writeInt32LE(-17, 0)
  error.writeUInt32LE(16, 4)
  const plain = { type: 2, flags: 0, sequence: 1, body: error }
  assert.deepEqual(decodeAcknowledgement(plain), { errno: 17, detail: undefined })
  const worded = { type: 2, flags: 0x300, sequence: 1, body: Buffer.concat([error, attribute(1, 'already there')]) }
  assert.deepEqual(decodeAcknowledgement(worded), { errno: 17, detail: 'already there' })
})

test('damaged bytes never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const message of decodeMessages(Buffer.from(bytes))) decodeAcknowledgement(message)
      decodeAttributes(Buffer.from(bytes))
    }),
    { numRuns: 2000 },
  )
  assert.equal(text(Buffer.from('eth0\0rest')), 'eth0')
  assert.deepEqual(u32(1), Buffer.from([1, 0, 0, 0]))
})

test('addresses as bytes', () => {
  for (const [address, hex] of [
    ['10.0.0.1', '0a000001'],
    ['::', '0'.repeat(32)],
    ['fd00::1', `fd${'0'.repeat(29)}1`],
    ['::ffff:10.0.0.1', '00000000000000000000ffff0a000001'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
  ] as const)
    assert.equal(addressBytes(address).toString('hex'), hex)
  assert.equal(addressText(Buffer.from('fd000000000000010000000000000000', 'hex')), 'fd00:0:0:1::')
  assert.equal(addressText(Buffer.from('00010000000200030004000500060007', 'hex')), '1:0:2:3:4:5:6:7')
})
