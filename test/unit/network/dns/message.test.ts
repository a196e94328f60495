/** The DNS codec against hostile bytes: it must never throw, loop or answer an answer. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  TYPE_A,
  decodeQuery,
  encodeFormatError,
  encodeName,
  encodeReply,
  isReplyTo,
  isTruncated,
  rcodeOf,
  readName,
  truncate,
  withId,
  type Query,
} from '../../../../src/network/dns/message.ts'

const header = (flags: number, counts: readonly number[] = [1, 0, 0, 0]): Buffer => {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt16BE(7, 0)
  bytes.writeUInt16BE(flags, 2)
  counts.forEach((count, index) => bytes.writeUInt16BE(count, 4 + 2 * index))
  return bytes
}

const question = (name: string, type = TYPE_A): Buffer => {
  const encoded = encodeName(name)
  assert.ok(encoded)
  return Buffer.concat([encoded, Buffer.from([0, type, 0, 1])])
}

function queryFor(name: string, more: Buffer = Buffer.alloc(0), counts = [1, 0, 0, 0]): Query {
  const decoded = decodeQuery(Buffer.concat([header(0x0100, counts), question(name), more]))
  assert.ok(decoded.kind === 'query')
  return decoded.query
}

test('a plain query', () => {
  const query = queryFor('db.Example')
  assert.deepEqual(query.question, { name: 'db.Example', type: 1, class: 1 })
  assert.equal(query.recursionDesired, true)
  assert.equal(query.ednsBytes, undefined)
})

test('EDNS tells how much the client takes', () => {
  const opt = Buffer.from([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0])
  assert.equal(queryFor('db', opt, [1, 0, 0, 1]).ednsBytes, 1232)
  assert.equal(queryFor('db', opt.subarray(0, 6), [1, 0, 0, 1]).ednsBytes, undefined)
})

test('what gets no reply, and what gets a format error', () => {
  assert.equal(decodeQuery(Buffer.alloc(11)).kind, 'ignore')
  assert.equal(decodeQuery(Buffer.concat([header(0x8000), question('db')])).kind, 'ignore')
  assert.deepEqual(decodeQuery(header(0x0100)), { kind: 'malformed', id: 7 })
  assert.deepEqual(decodeQuery(Buffer.concat([header(0, [2, 0, 0, 0]), question('db')])), { kind: 'malformed', id: 7 })
  assert.equal(rcodeOf(encodeFormatError(7)), 1)
})

test('compression: backwards only, never in a circle', () => {
  const at = (...bytes: number[]): Buffer => Buffer.concat([Buffer.alloc(12), Buffer.from(bytes)])
  assert.equal(readName(at(0xc0, 12), 12), undefined) // points to itself
  assert.equal(readName(at(0xc0, 14, 0xc0, 12), 12), undefined) // two point to each other
  assert.equal(readName(at(0xc0, 40), 12), undefined) // forwards
  assert.equal(readName(at(1, 0x61, 0xc0, 12), 14), undefined) // leads to itself by a label
  assert.deepEqual(readName(at(1, 0x61, 0, 1, 0x62, 0xc0, 12), 15), { text: 'b.a', end: 19 })
  assert.equal(readName(at(63), 12), undefined) // a label that leaves the message
  assert.equal(readName(at(0x40), 12), undefined) // a reserved label type
  const long = Buffer.concat([
    Buffer.alloc(12),
    ...Array.from({ length: 5 }, () => Buffer.concat([Buffer.from([63]), Buffer.alloc(63, 97)])),
    Buffer.from([0]),
  ])
  assert.equal(readName(long, 12), undefined) // over 255 bytes
})

test('names that cannot be sent', () => {
  assert.equal(encodeName('a..b'), undefined)
  assert.equal(encodeName('a'.repeat(64)), undefined)
  assert.equal(encodeName(Array.from({ length: 9 }, () => 'a'.repeat(30)).join('.')), undefined)
  assert.deepEqual(encodeName(''), Buffer.from([0]))
})

test('a reply that does not fit is truncated to whole records', () => {
  const query = queryFor('web')
  const answers = Array.from({ length: 100 }, (_, index) => ({
    type: TYPE_A,
    ttlSeconds: 1,
    data: Buffer.from([10, 0, 0, index]),
  }))
  const reply = encodeReply(query, { rcode: 0, answers, maxBytes: 512 })
  assert.ok(reply.length <= 512)
  assert.ok(isTruncated(reply))
  assert.equal(reply.readUInt16BE(6), Math.floor((512 - 12 - query.questionBytes.length) / 16))
  assert.ok(!isTruncated(encodeReply(query, { rcode: 0, answers, maxBytes: 65_535 })))
})

test('replies are matched by id and question', () => {
  const query = queryFor('web')
  const reply = encodeReply(query, { rcode: 0, maxBytes: 512 })
  assert.ok(isReplyTo(reply, 7, { ...query.question, name: 'WEB' }))
  assert.ok(!isReplyTo(reply, 8, query.question))
  assert.ok(isReplyTo(withId(reply, 8), 8, query.question))
  assert.ok(!isReplyTo(reply, 7, { ...query.question, type: 28 }))
  assert.ok(!isReplyTo(reply, 7, { ...query.question, name: 'web2' }))
  const cut = truncate(
    encodeReply(query, { rcode: 0, answers: [{ type: 1, ttlSeconds: 1, data: Buffer.alloc(4) }], maxBytes: 512 }),
  )
  assert.ok(isTruncated(cut) && isReplyTo(cut, 7, query.question))
  assert.equal(cut.readUInt16BE(6), 0)
})

test('10,000 random messages: no exception, no endless loop', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (bytes, likely) => {
      const message = Buffer.from(bytes)
      // half of them look like a query at first, to get past the header
      if (likely && message.length >= 12) header(0x0100, [1, 0, 0, 1]).copy(message)
      const decoded = decodeQuery(message)
      if (decoded.kind === 'query') {
        const reply = encodeReply(decoded.query, { rcode: 3, maxBytes: 512 })
        assert.equal(decodeQuery(reply).kind, 'ignore')
      }
      isReplyTo(message, 7, { name: 'x', type: 1, class: 1 })
      if (message.length >= 12) truncate(message)
    }),
    { numRuns: 10_000 },
  )
})
