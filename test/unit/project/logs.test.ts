import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'node:test'
import { createLineCutter } from '../../../src/project/lines.ts'
import { logs } from '../../../src/project/logs.ts'
import type { LogEvent, LogsOptions } from '../../../src/project/logs.ts'
import { up } from '../../../src/project/up.ts'
import { createHarness, project } from './harness.ts'
import type { Harness } from './harness.ts'

const TWO = 'services: { a: { image: app }, b: { image: app, attach: false } }'

async function collect(events: AsyncIterable<LogEvent>, onEvent: (line: string) => void = () => {}): Promise<string[]> {
  const seen: string[] = []
  for await (const event of events) {
    const line = describe(event)
    seen.push(line)
    onEvent(line)
  }
  return seen
}

function describe(event: LogEvent): string {
  switch (event.kind) {
    case 'joined':
      return `+ ${event.source.shortName}`
    case 'exited':
      return `- ${event.source.shortName} ${event.exitCode}${event.restarting ? ' restarting' : ''}`
    case 'output':
  }
  return `${event.source.shortName} ${event.stream} ${event.data.toString()}`
}

async function started(
  yaml: string,
): Promise<Harness & { readonly read: (options: LogsOptions) => AsyncIterable<LogEvent> }> {
  const harness = createHarness()
  await up(harness.context, await project(yaml), {})
  return { ...harness, read: (options) => logs(harness.context, { name: 'p' }, options) }
}

test('reads what is there: sources first, whole lines', async () => {
  const { engine, read } = await started(TWO)
  engine.write('p-a-1', 'one\ntwo\n')
  engine.write('p-b-1', 'three')
  const seen = await collect(read({}))
  assert.deepEqual(seen.slice(0, 2), ['+ a-1', '+ b-1'])
  assert.deepEqual(seen.slice(2).toSorted(), ['a-1 stdout one\ntwo\n', 'b-1 stdout three'])
})

test('only the named services; unknown ones are an error', async () => {
  const { read } = await started(TWO)
  assert.deepEqual(await collect(read({ services: ['b'] })), ['+ b-1'])
  await assert.rejects(collect(read({ services: ['nope'] })), {
    code: 'NO_SUCH_SERVICE',
    message: 'no such service: nope',
  })
})

test('attach: false is left out unless named', async () => {
  const { context } = await started(TWO)
  const target = { name: 'p', project: await project(TWO) }
  assert.deepEqual(await collect(logs(context, target, {})), ['+ a-1'])
})

test('--index chooses one replica', async () => {
  const { context, read } = await started('services: { a: { image: app, scale: 3 } }')
  assert.deepEqual(await collect(read({ index: 2 })), ['+ a-2'])
  assert.ok(context.parallel > 0)
})

test('a wrong time is a usage error', async () => {
  const { read } = await started(TWO)
  await assert.rejects(collect(read({ since: 'yesterday evening' })), { code: 'USAGE' })
})

test('following: output, exit, restart and a new replica; ends when all have ended', async () => {
  const { engine, read, context } = await started('services: { a: { image: app } }')
  engine.write('p-a-1', 'first\n')
  let steps = 0
  async function addReplica(): Promise<void> {
    engine.onStart = ({ name }) => {
      engine.write(name, 'new\n')
      setTimeout(() => engine.exit(name, 0), 20)
    }
    await up(context, await project('services: { a: { image: app, scale: 2 } }'), {})
    engine.exit('p-a-1', 0)
  }
  const seen = await collect(read({ follow: true }), (line) => {
    if (line === 'a-1 stdout first\n') setImmediate(() => engine.exit('p-a-1', 3))
    if (line === '- a-1 3' && (steps += 1) === 1) {
      setImmediate(() => {
        engine.byName('p-a-1').log = 'again\n'
        void context.client.containers.start(engine.byName('p-a-1').id)
      })
    }
    if (line === 'a-1 stdout again\n') {
      setImmediate(() => void addReplica())
    }
  })
  assert.deepEqual(seen.toSorted(), [
    '+ a-1',
    '+ a-2',
    '- a-1 0',
    '- a-1 3',
    '- a-2 0',
    'a-1 stdout again\n',
    'a-1 stdout first\n',
    'a-2 stdout new\n',
  ])
})

test('a container that is removed as soon as it has ended is told with its code', async () => {
  const { abort, engine, read } = await started('services: { a: { image: app } }')
  setTimeout(() => {
    engine.exit('p-a-1', 7)
    engine.containers.clear()
  }, 20)
  const seen = await collect(read({ follow: true }), (line) => {
    if (line.startsWith('-')) abort.abort()
  })
  assert.deepEqual(seen, ['+ a-1', '- a-1 7'])
})

test('following ends quietly when interrupted', async () => {
  const { abort, read } = await started(TWO)
  setTimeout(() => abort.abort(), 20)
  assert.deepEqual(await collect(read({ follow: true })), ['+ a-1', '+ b-1'])
})

test('a slow reader slows the writer down', async () => {
  const { engine, read } = await started('services: { a: { image: app } }')
  engine.write('p-a-1', 'x\n'.repeat(1000))
  let bytes = 0
  for await (const event of read({})) {
    if (event.kind === 'output') bytes += event.data.length
    await delay(1)
  }
  assert.equal(bytes, 2000)
})

test('lines are cut at line ends, whatever the chunks', () => {
  const cutter = createLineCutter()
  const pieces = ['a', 'b\nc', '\n', 'd\ne\nf', 'g'].map((chunk) => cutter.cut(Buffer.from(chunk))?.toString())
  assert.deepEqual(pieces, [undefined, 'ab\n', 'c\n', 'd\ne\n', undefined])
  assert.equal(cutter.rest()?.toString(), 'fg')
  assert.equal(cutter.rest(), undefined)
})

test('a line without end is passed on in pieces of about a mebibyte', () => {
  const cutter = createLineCutter()
  assert.equal(cutter.cut(Buffer.alloc(1024 * 1024, 'x')), undefined)
  assert.equal(cutter.cut(Buffer.from('y'))?.length, 1024 * 1024 + 1)
})
