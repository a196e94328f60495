/** src/host/utf8.ts: what is broken, and what only looks so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { InvalidTextError } from '../../../src/errors.ts'
import { decodeUtf8 } from '../../../src/host/utf8.ts'

test('a replacement character that was written is a character', () => {
  assert.equal(decodeUtf8(Buffer.from('a: \uFFFD é 😀'), 'f'), 'a: \uFFFD é 😀')
})

test('the first broken byte is told, behind real replacement characters', () => {
  const bytes = Buffer.concat([Buffer.from('é\uFFFD: \uFFFD'), Buffer.from([0xff, 0x41, 0xfe])])
  assert.throws(
    () => decodeUtf8(bytes, 'f'),
    (error) => error instanceof InvalidTextError && error.code === 'INVALID_UTF8' && error.offset === 5,
  )
})

test('a character that is cut off, or of another encoding', () => {
  for (const bytes of [
    [0x61, 0xc3],
    [0xe2, 0x82],
    [0x63, 0xe9, 0x20],
    [0xed, 0xa0, 0x80],
    [0xc0, 0xaf],
  ])
    assert.throws(() => decodeUtf8(Buffer.from(bytes), 'f'), InvalidTextError)
})

test('any text survives', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      assert.equal(decodeUtf8(Buffer.from(text), 'f'), text.toWellFormed())
    }),
  )
})
