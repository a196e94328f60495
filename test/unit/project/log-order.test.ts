import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogEvent, LogSource } from '../../../src/project/logs.ts'
import { createResumer } from '../../../src/project/resume.ts'
import { createTimeOrder } from '../../../src/project/time-order.ts'

const source = (name: string): LogSource => ({
  service: name,
  shortName: `${name}-1`,
  containerName: `p-${name}-1`,
  containerId: name,
  number: 1,
})
const stamp = (second: number): string => `2026-11-21T12:00:${String(second).padStart(2, '0')}.000000001Z`
const line = (second: number, text: string): string => `${stamp(second)} ${text}\n`
const output = (name: string, ...lines: string[]): LogEvent => ({
  kind: 'output',
  source: source(name),
  stream: 'stdout',
  data: Buffer.from(lines.join('')),
})

async function textOf(events: AsyncIterable<LogEvent>): Promise<string> {
  let text = ''
  for await (const event of events) if (event.kind === 'output') text += event.data.toString()
  return text
}

test('lines come out by time, whichever arrives first', async () => {
  const order = createTimeOrder({ nowMs: () => 0, graceMs: Number.POSITIVE_INFINITY, keepStamps: false })
  for (const name of ['a', 'b']) void order.push({ kind: 'joined', source: source(name) })
  const text = textOf(order.values)
  await order.push(output('b', line(2, 'two'), line(4, 'four')))
  await order.push(output('a', line(1, 'one')))
  await order.push(output('a', line(3, 'three'), line(5, 'five')))
  order.done(source('a'))
  order.done(source('b'))
  order.close()
  assert.equal(await text, 'one\ntwo\nthree\nfour\nfive\n')
})

test('a silent log is waited for only so long', async () => {
  const order = createTimeOrder({ nowMs: () => Date.now(), graceMs: 20, keepStamps: true })
  for (const name of ['a', 'b']) void order.push({ kind: 'joined', source: source(name) })
  void order.push(output('a', line(1, 'one')))
  for await (const event of order.values)
    if (event.kind === 'output') {
      assert.equal(event.data.toString(), line(1, 'one'))
      break
    }
})

test('a log that is taken up again repeats and loses nothing', () => {
  const resumer = createResumer(false)
  const pass = (...lines: string[]): string | undefined =>
    resumer.pass('stdout', Buffer.from(lines.join('')))?.toString()
  assert.equal(resumer.since(), undefined)
  assert.equal(pass(line(1, 'a'), line(2, 'b'), line(2, 'c')), 'a\nb\nc\n')
  resumer.restart()
  assert.equal(resumer.since(), (Date.parse(stamp(2)) / 1000).toFixed(3))
  assert.equal(pass(line(1, 'a')), undefined)
  assert.equal(pass(line(2, 'b'), line(2, 'c'), line(2, 'd')), 'd\n')
  assert.equal(pass(line(3, 'e')), 'e\n')
  resumer.restart()
  assert.equal(pass(line(3, 'e'), line(4, 'f')), 'f\n')
})
