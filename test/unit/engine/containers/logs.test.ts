import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { createFramer, type FrameOptions } from '../../../../src/engine/containers/logs/k8s-file.ts'
import { tailOffset } from '../../../../src/engine/containers/logs/tail.ts'

const ALL: FrameOptions = {
  stdout: true,
  stderr: true,
  timestamps: false,
  raw: false,
  sinceMs: undefined,
  untilMs: undefined,
}
const stamp = (second: number): string => `2026-11-21T12:00:${String(second).padStart(2, '0')}.123456789+00:00`
const line = (second: number, stream: string, tag: string, text: string): string =>
  `${stamp(second)} ${stream} ${tag} ${text}\n`

/** [stream, text] of each frame. */
function frames(output: Buffer): [number, string][] {
  const found: [number, string][] = []
  for (let at = 0; at < output.length;) {
    const length = output.readUInt32BE(at + 4)
    found.push([output[at] ?? 0, output.toString('utf8', at + 8, at + 8 + length)])
    at += 8 + length
  }
  return found
}

const TEXT =
  line(1, 'stdout', 'F', 'one') +
  line(2, 'stdout', 'P', 'half ') +
  line(2, 'stdout', 'F', 'whole') +
  line(3, 'stderr', 'F', 'err')

test('lines of one stream share a frame, partial lines are joined', () => {
  const { output, consumed } = createFramer(ALL).push(Buffer.from(TEXT))
  assert.deepEqual(frames(output), [
    [1, 'one\nhalf whole\n'],
    [2, 'err\n'],
  ])
  assert.equal(consumed, TEXT.length)
})

test('one stream alone', () => {
  const { output } = createFramer({ ...ALL, stdout: false }).push(Buffer.from(TEXT))
  assert.deepEqual(frames(output), [[2, 'err\n']])
})

test('time stamps in UTC, once per line', () => {
  const { output } = createFramer({ ...ALL, timestamps: true }).push(Buffer.from(TEXT))
  assert.equal(
    frames(output)[0]?.[1],
    '2026-11-21T12:00:01.123456789Z one\n2026-11-21T12:00:02.123456789Z half whole\n',
  )
  const east = '2026-11-21T14:00:01.123456789+02:00 stdout F x\n'
  const { output: utc } = createFramer({ ...ALL, timestamps: true, raw: true }).push(Buffer.from(east))
  assert.equal(utc.toString(), '2026-11-21T12:00:01.123456789Z x\n')
})

test('a terminal has no frames', () => {
  const { output } = createFramer({ ...ALL, raw: true }).push(Buffer.from(TEXT))
  assert.equal(output.toString(), 'one\nhalf whole\nerr\n')
})

test('since and until', () => {
  const sinceMs = Date.parse('2026-11-21T12:00:02Z')
  const untilMs = Date.parse('2026-11-21T12:00:02.9Z')
  const { output, isPast } = createFramer({ ...ALL, sinceMs, untilMs }).push(Buffer.from(TEXT))
  assert.deepEqual(frames(output), [[1, 'half whole\n']])
  assert.equal(isPast, true)
})

test('what is no line of conmon is passed over', () => {
  const { output } = createFramer(ALL).push(Buffer.from(`garbage\n\n${line(1, 'stdout', 'F', 'x')}`))
  assert.deepEqual(frames(output), [[1, 'x\n']])
})

test('property: however the bytes are cut, the text comes out the same', () => {
  const lines = fc.array(
    fc.tuple(fc.constantFrom('stdout', 'stderr'), fc.constantFrom('F', 'P'), fc.stringMatching(/^[ -~é]{0,30}$/)),
    { maxLength: 30 },
  )
  fc.assert(
    fc.property(lines, fc.integer({ min: 1, max: 90 }), (entries, step) => {
      const bytes = Buffer.from(entries.map(([stream, tag, text]) => line(1, stream, tag, text)).join(''))
      const framer = createFramer({ ...ALL, raw: true })
      let offset = 0
      let text = ''
      for (let end = step; ; end += step) {
        const { output, consumed } = framer.push(bytes.subarray(offset, end))
        text += output.toString('utf8')
        offset += consumed
        if (end >= bytes.length) break
      }
      assert.equal(text, entries.map(([, tag, each]) => (tag === 'F' ? `${each}\n` : each)).join(''))
    }),
  )
})

test('tail: as many entries as asked for, across blocks', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mycompose-tail-'))
  try {
    const path = join(folder, 'log')
    const entries = Array.from({ length: 5000 }, (_, index) =>
      index % 7 === 0
        ? line(1, 'stdout', 'P', 'p'.repeat(200)) + line(1, 'stdout', 'F', `${index}`)
        : line(1, 'stderr', 'F', `${index} ${'x'.repeat(index % 150)}`),
    )
    writeFileSync(path, entries.join(''))
    await using file = await open(path)
    const { size } = await file.stat()
    for (const count of [0, 1, 2, 7, 8, 3000, 4999, 5000, 9000]) {
      const want = count === 0 ? '' : entries.slice(-count).join('')
      assert.equal(
        size - (await tailOffset(file, size, { count, isNewest: true })).offset,
        Buffer.byteLength(want),
        `${count}`,
      )
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('tail: a last entry without end of line counts', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mycompose-tail-'))
  try {
    const path = join(folder, 'log')
    writeFileSync(path, line(1, 'stdout', 'F', 'a') + line(2, 'stdout', 'P', 'b'))
    await using file = await open(path)
    const { size } = await file.stat()
    assert.equal(
      (await tailOffset(file, size, { count: 1, isNewest: true })).offset,
      line(1, 'stdout', 'F', 'a').length,
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})
