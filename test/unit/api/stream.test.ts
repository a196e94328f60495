import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createDemultiplexer, frameHeader, type StreamName } from '../../../src/api/stream.ts'
import { InvalidRequestError } from '../../../src/errors.ts'

const frame = (stream: StreamName, data: Uint8Array): Buffer => Buffer.concat([frameHeader(stream, data.length), data])

function demultiplex(pieces: readonly Buffer[]): { stdout: string; stderr: string; order: string; calls: number } {
  const demultiplexer = createDemultiplexer()
  const seen = { stdout: '', stderr: '', order: '', calls: 0 }
  for (const piece of pieces)
    demultiplexer.push(piece, (stream, data) => {
      const text = data.toString('latin1')
      seen[stream] += text
      seen.order += text
      seen.calls += 1
    })
  return seen
}

describe('multiplexed streams', () => {
  it('has the 8-byte header of the API', () => {
    assert.deepEqual([...frameHeader('stdout', 258)], [1, 0, 0, 0, 0, 0, 1, 2])
    assert.deepEqual([...frameHeader('stderr', 1)], [2, 0, 0, 0, 0, 0, 0, 1])
  })

  it('gives back what went in, wherever the connection cuts it', () => {
    const parts = fc.array(
      fc.record({ stream: fc.constantFrom<StreamName>('stdout', 'stderr'), data: fc.uint8Array({ maxLength: 40 }) }),
    )
    fc.assert(
      fc.property(parts, fc.array(fc.nat(300), { maxLength: 20 }), (frames, cuts) => {
        const bytes = Buffer.concat(frames.map(({ stream, data }) => frame(stream, data)))
        const points = [0, ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length]
        // copies: the demultiplexer may overwrite what it gets
        const pieces = points.slice(1).map((end, index) => Buffer.from(bytes.subarray(points[index], end)))
        const seen = demultiplex(pieces)
        const text = (of: readonly { data: Uint8Array }[]): string =>
          of.map(({ data }) => Buffer.from(data).toString('latin1')).join('')
        assert.equal(seen.order, text(frames))
        assert.equal(seen.stdout, text(frames.filter(({ stream }) => stream === 'stdout')))
        assert.equal(seen.stderr, text(frames.filter(({ stream }) => stream === 'stderr')))
      }),
    )
  })

  it('joins neighbouring lines of one stream', () => {
    const lines = Buffer.concat(Array.from({ length: 1000 }, () => frame('stdout', Buffer.from('a line\n'))))
    assert.equal(demultiplex([lines]).calls, 1)
  })

  it('refuses what is no frame', () => {
    assert.throws(() => demultiplex([Buffer.from('plain text of a terminal')]), InvalidRequestError)
  })
})
