import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Writable } from 'node:stream'
import { describe, test } from 'node:test'
import { createLogPrinter, type LogPrinter } from '../../../src/cli/output/log-printer.ts'
import { loadStyle, plainStyle, type Style } from '../../../src/cli/output/style.ts'
import type { OutputStream } from '../../../src/cli/io.ts'
import type { LogEvent, LogSource } from '../../../src/project/logs.ts'
import { Sink } from './harness.ts'

const source = (service: string, number = 1): LogSource => ({
  service,
  shortName: `${service}-${number}`,
  containerName: `p-${service}-${number}`,
  containerId: `${service}${number}`,
  number,
})
const output = (from: LogSource, text: string, stream: 'stdout' | 'stderr' = 'stdout'): LogEvent => ({
  kind: 'output',
  source: from,
  stream,
  data: Buffer.from(text),
})
const joined = (from: LogSource): LogEvent => ({ kind: 'joined', source: from })

async function print(
  events: readonly LogEvent[],
  options: { readonly prefix?: boolean; readonly style?: Style } = {},
): Promise<{ stdout: string; stderr: string }> {
  const [stdout, stderr] = [new Sink(), new Sink()]
  const printer = createLogPrinter({
    stdout: stdout,
    stderr: stderr,
    style: options.style ?? plainStyle,
    prefix: options.prefix ?? true,
  })
  for (const event of events) await printer.print(event)
  await printer.flush()
  return { stdout: stdout.text, stderr: stderr.text }
}

describe('log printer', () => {
  const [web, database] = [source('web'), source('database')]

  test('prefixes every line, streams stay apart', async () => {
    const { stdout, stderr } = await print([joined(web), output(web, 'a\n\nb\n'), output(web, 'oops\n', 'stderr')])
    assert.equal(stdout, 'web-1  | a\nweb-1  | \nweb-1  | b\n')
    assert.equal(stderr, 'web-1  | oops\n')
  })

  test('the prefix is as wide as the longest name so far', async () => {
    const { stdout } = await print([
      joined(web),
      output(web, 'a\n'),
      joined(database),
      output(web, 'b\n'),
      output(database, 'c\n'),
    ])
    assert.equal(stdout, 'web-1  | a\nweb-1       | b\ndatabase-1  | c\n')
  })

  test('a line without an end does not run into the next prefix', async () => {
    const { stdout } = await print([joined(web), output(web, 'a'), output(web, 'b\n')])
    assert.equal(stdout, 'web-1  | a\nweb-1  | b\n')
  })

  test('exits are told', async () => {
    const { stdout } = await print([
      { kind: 'exited', source: web, exitCode: 3, restarting: false },
      { kind: 'exited', source: web, exitCode: 0, restarting: true },
    ])
    assert.equal(stdout, 'web-1 exited with code 3\nweb-1 exited with code 0 (restarting)\n')
  })

  test('without prefixes the bytes pass as they are', async () => {
    const { stdout } = await print([joined(web), output(web, 'a\r\u001B[1mb'), output(web, 'c\n')], { prefix: false })
    assert.equal(stdout, 'a\r\u001B[1mbc\n')
  })

  test('each source has its own colour', async () => {
    const { stdout } = await print([joined(web), joined(database), output(web, 'a\n'), output(database, 'b\n')], {
      style: await loadStyle(true),
    })
    assert.equal(stdout, '\u001B[36mweb-1       | \u001B[39ma\n\u001B[33mdatabase-1  | \u001B[39mb\n')
  })

  test('a line larger than the buffer arrives whole', async () => {
    const long = 'x'.repeat(300_000)
    const { stdout } = await print([joined(web), output(web, `${long}\nshort\n`)])
    assert.equal(stdout, `web-1  | ${long}\nweb-1  | short\n`)
  })

  test('what is written is shown without a flush, when the event loop comes round', async () => {
    const stdout = new Sink()
    const stream = stdout
    const printer = createLogPrinter({ stdout: stream, stderr: stream, style: plainStyle, prefix: true })
    await printer.print(output(web, 'now\n'))
    await nextTurn()
    await nextTurn()
    assert.equal(stdout.text, 'web-1  | now\n')
  })
})

/** Counts, and takes its time when it is slow. */
function counter(delayed: boolean): { stream: OutputStream; state: { bytes: number; lines: number; writes: number } } {
  const state = { bytes: 0, lines: 0, writes: 0 }
  const stream = new Writable({
    highWaterMark: 64 * 1024,
    write(chunk: Buffer, _encoding, done) {
      state.bytes += chunk.length
      state.writes += 1
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) state.lines += 1
      if (delayed) setImmediate(done)
      else done()
    },
  })
  return { stream, state }
}

async function pump(printer: LogPrinter, lines: number): Promise<void> {
  const from = source('web')
  const block = Buffer.from('x'.repeat(79).concat('\n').repeat(100))
  for (let sent = 0; sent < lines; sent += 100) {
    const slow = printer.print({ kind: 'output', source: from, stream: 'stdout', data: block })
    if (slow !== undefined) await slow
  }
  await printer.flush()
}

describe('a million lines', () => {
  for (const delayed of [false, true])
    test(`to a ${delayed ? 'slow' : 'fast'} reader: all of them, in large writes, little held in memory`, async () => {
      const { stream, state } = counter(delayed)
      const printer = createLogPrinter({ stdout: stream, stderr: stream, style: plainStyle, prefix: true })
      let most = 0
      const watch = setInterval(() => (most = Math.max(most, stream.writableLength)), 1)
      await pump(printer, 1_000_000)
      clearInterval(watch)
      assert.equal(state.lines, 1_000_000)
      assert.equal(state.bytes, 1_000_000 * (80 + 'web-1  | '.length))
      assert.ok(state.writes < 2000, `${state.writes} writes`)
      assert.ok(most < 2 ** 20, `${most} bytes were waiting`)
    })
})
