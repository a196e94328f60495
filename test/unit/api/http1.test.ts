import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bodyFraming, createBodyDecoder } from '../../../src/api/http1/body.ts'
import { formatHead, hasToken, headEnd, parseHead } from '../../../src/api/http1/head.ts'
import { InvalidRequestError } from '../../../src/errors.ts'

describe('HTTP heads', () => {
  it('reads the start line and lower-cased fields', () => {
    const { startLine, headers } = parseHead('GET / HTTP/1.1\r\nHost: x\r\nACCEPT: a\r\nAccept: b\r\n\r\n')
    assert.equal(startLine, 'GET / HTTP/1.1')
    assert.deepEqual(Object.fromEntries(headers), { host: 'x', accept: 'a, b' })
  })

  it('finds the end only when the whole blank line is there', () => {
    assert.equal(headEnd(Buffer.from('GET / HTTP/1.1\r\n\r')), -1)
    assert.equal(headEnd(Buffer.from('GET / HTTP/1.1\r\n\r\nbody')), 18)
  })

  for (const line of ['no colon', ': no name', 'Name : blank before the colon', ' folded: line', 'bad name: x']) {
    it(`refuses the field line "${line}"`, () => {
      assert.throws(() => parseHead(`GET / HTTP/1.1\r\n${line}\r\n\r\n`), InvalidRequestError)
    })
  }

  it('never lets a line break into a head', () => {
    assert.throws(() => formatHead('GET /\r\nX: y HTTP/1.1', {}), InvalidRequestError)
    assert.throws(() => formatHead('GET / HTTP/1.1', { A: 'b\r\nC: d' }), InvalidRequestError)
    assert.equal(
      formatHead('GET / HTTP/1.1', { A: 'b', 'Content-Length': 3 }),
      'GET / HTTP/1.1\r\nA: b\r\nContent-Length: 3\r\n\r\n',
    )
  })

  it('finds tokens whatever their case', () => {
    const { headers } = parseHead('x\r\nConnection: keep-alive, Upgrade\r\n\r\n')
    assert.ok(hasToken(headers, 'connection', 'upgrade'))
    assert.ok(!hasToken(headers, 'connection', 'close'))
  })
})

describe('HTTP body framing', () => {
  const cases = [
    { name: 'nothing said', fields: [], want: { kind: 'none' } },
    { name: 'a length', fields: [['content-length', '12']], want: { kind: 'length', bytes: 12 } },
    { name: 'length 0', fields: [['content-length', '0']], want: { kind: 'none' } },
    { name: 'chunks', fields: [['transfer-encoding', 'chunked']], want: { kind: 'chunked' } },
  ] as const
  for (const { name, fields, want } of cases)
    it(name, () => assert.deepEqual(bodyFraming(new Map(fields as readonly [string, string][]), 'none'), want))

  it('refuses length and chunks at once, and lengths that are none', () => {
    const both = new Map([
      ['content-length', '1'],
      ['transfer-encoding', 'chunked'],
    ])
    assert.throws(() => bodyFraming(both, 'none'), InvalidRequestError)
    for (const value of ['-1', '1, 1', '0x10', '', '1e3'])
      assert.throws(() => bodyFraming(new Map([['content-length', value]]), 'none'), InvalidRequestError, value)
  })
})

/** Feeds the text in pieces of `size` bytes. */
function decode(
  framing: Parameters<typeof createBodyDecoder>[0],
  text: string,
  size: number,
): { body: string; rest: string | undefined } {
  const decoder = createBodyDecoder(framing)
  const bytes = Buffer.from(text)
  let body = ''
  for (let at = 0; at < bytes.length; at += size) {
    const rest = decoder.push(bytes.subarray(at, at + size), (data) => (body += data.toString()))
    if (rest !== undefined) return { body, rest: rest.toString() + bytes.subarray(at + size).toString() }
  }
  return { body, rest: undefined }
}

describe('HTTP body decoding', () => {
  const chunked = '5\r\nhello\r\nA;name=value\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nNEXT'
  for (let size = 1; size <= chunked.length; size += 1)
    it(`chunks in pieces of ${size}`, () => {
      assert.deepEqual(decode({ kind: 'chunked' }, chunked, size), { body: 'hello0123456789', rest: 'NEXT' })
    })

  it('a length, and what follows it', () => {
    for (const size of [1, 3, 100])
      assert.deepEqual(decode({ kind: 'length', bytes: 4 }, 'bodyNEXT', size), { body: 'body', rest: 'NEXT' })
  })

  it('tells a body that broke off', () => {
    const decoder = createBodyDecoder({ kind: 'chunked' })
    assert.equal(
      decoder.push(Buffer.from('5\r\nhel'), () => {}),
      undefined,
    )
    assert.equal(decoder.finish(), false)
  })

  for (const text of ['x\r\n', '-1\r\n', '5\r\nhelloX\r\n', `${'1'.repeat(20)}\r\n`, `1;${'x'.repeat(5000)}`])
    it(`refuses ${JSON.stringify(text.slice(0, 20))}`, () => {
      assert.throws(() => decode({ kind: 'chunked' }, text, 7), InvalidRequestError)
    })
})
