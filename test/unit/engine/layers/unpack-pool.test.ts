/** Who gets an unpacking thread, and what becomes of a task whose thread dies; with threads that the test speaks for. */
import assert from 'node:assert/strict'
import { PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import { parseLayerLimits } from '../../../../src/engine/layers/limits.ts'
import { fromWire, toWire, type FromThread, type ToThread } from '../../../../src/engine/layers/unpack-messages.ts'
import { createUnpacker } from '../../../../src/engine/layers/unpack-pool.ts'
import type { Unpacked } from '../../../../src/engine/layers/unpack.ts'
import {
  CanceledError,
  InvalidRequestError,
  KernelError,
  MycomposeError,
  UnsupportedError,
} from '../../../../src/errors.ts'
import type { Thread, ThreadListener, Threads } from '../../../../src/host/threads.ts'

interface FakeThread {
  readonly listener: ThreadListener<FromThread>
  readonly received: ToThread[]
  readonly keptAlive: boolean[]
}

const UNPACKED: Unpacked = {
  diffId: 'sha256:0',
  sizeBytes: 1,
  rootOpaque: false,
  inheritsRoot: true,
  entries: 1,
  newestMtimeNs: 0n,
}

function createFakes(parallelism: number): { readonly threads: Threads; readonly started: FakeThread[] } {
  const started: FakeThread[] = []
  return {
    started,
    threads: {
      parallelism,
      start<In, Out>(_: string, listener: ThreadListener<In>): Thread<Out> {
        const fake = { listener, received: [], keptAlive: [] } as unknown as FakeThread
        started.push(fake)
        return {
          post: (message) => void fake.received.push(message as ToThread),
          keepsAlive: (wanted) => void fake.keptAlive.push(wanted),
          end: async () => Promise.resolve(listener.end(undefined)),
        }
      },
    },
  }
}

const TASK = { folder: '/f', whiteouts: 'device', limits: parseLayerLimits('{}', ''), isOurs: false } as const
const bytes = (text = 'x'): Readable => Readable.from([Buffer.from(text)], { objectMode: false })
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))
const below = Promise.resolve([])

/** Ids of the tasks that a thread was given. */
const begun = ({ received }: FakeThread): number[] =>
  received.flatMap((message) => (message.kind === 'begin' ? [message.id] : []))

test('as many threads as processors, three at least and six at most; then first come, first served', async () => {
  for (const { processors, want } of [
    { processors: 1, want: 3 },
    { processors: 4, want: 4 },
    { processors: 64, want: 6 },
  ]) {
    const { threads, started } = createFakes(processors)
    const unpacker = createUnpacker(threads)
    const order: number[] = []
    const tasks = Array.from({ length: want + 2 }, (_, index) =>
      unpacker.unpack(TASK, bytes(), { below, onStart: () => void order.push(index) }),
    )
    await turn()
    assert.equal(started.length, want)
    assert.equal(order.length, want)
    const last = started.at(-1)
    for (const _ of [1, 2, 3]) {
      const id = last === undefined ? 0 : (begun(last).at(-1) ?? 0)
      last?.listener.message({ kind: 'done', id, unpacked: UNPACKED })
      await turn()
    }
    assert.deepEqual(order, [...tasks.keys()])
    assert.equal(started.length, want, 'threads are used again')
    await unpacker.close()
    for (const task of await Promise.allSettled(tasks))
      if (task.status === 'rejected') assert.equal((task.reason as MycomposeError).code, 'CANCELED')
  }
})

test('a thread is sent no more than it has taken, and all of it in order', async () => {
  const { threads, started } = createFakes(1)
  const unpacker = createUnpacker(threads)
  const content = Buffer.alloc(3 * 2 ** 20 + 5, 7)
  const done = unpacker.unpack(TASK, Readable.from([content], { objectMode: false }), { below })
  await turn()
  const [thread] = started
  assert.ok(thread)
  const chunks = (): number[] =>
    thread.received.flatMap((message) => (message.kind === 'chunk' ? [message.bytes.length] : []))
  assert.equal(chunks().length, 4)
  for (let taken = 0; taken < 13; taken += 1) {
    const size = chunks()[taken] ?? 0
    thread.listener.message({ kind: 'taken', id: 1, bytes: size, plainBytes: taken })
    await turn()
    assert.ok(chunks().length - taken - 1 <= 4)
  }
  assert.equal(
    chunks().reduce((sum, size) => sum + size, 0),
    content.length,
  )
  assert.equal(thread.received.at(-1)?.kind, 'end')
  thread.listener.message({ kind: 'done', id: 1, unpacked: UNPACKED })
  assert.deepEqual(await done, UNPACKED)
})

test('a task outlives no thread, but the next one gets a new thread', async () => {
  const { threads, started } = createFakes(1)
  const unpacker = createUnpacker(threads)
  const tasks = [1, 2, 3, 4].map(() => unpacker.unpack(TASK, bytes(), { below }))
  await turn()
  const dead = Object.assign(new Error('out of memory'), { code: 'ERR_WORKER_OUT_OF_MEMORY' })
  started[0]?.listener.end(dead)
  await assert.rejects(tasks[0] ?? Promise.resolve(), { code: 'TAR_INVALID', message: /too much memory/ })
  started[1]?.listener.end(new Error('a bug'))
  await assert.rejects(tasks[1] ?? Promise.resolve(), { message: 'a bug' })
  await turn()
  assert.equal(started.length, 4)
  assert.deepEqual(new Set(started.flatMap((thread) => begun(thread))), new Set([1, 2, 3, 4]))
  await unpacker.close()
  await Promise.allSettled(tasks)
})

test('a source that breaks is told as what it is; who is refused sends no more', async () => {
  const { threads, started } = createFakes(1)
  const unpacker = createUnpacker(threads)
  const source = new PassThrough()
  source.write('x')
  const broken = unpacker.unpack(TASK, source, { below })
  await turn()
  source.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
  await turn()
  const [thread] = started
  assert.equal(thread?.received.at(-1)?.kind, 'cancel')
  thread?.listener.message({ kind: 'failed', id: 1, error: toWire(new CanceledError('x')) })
  await assert.rejects(broken, { code: 'TRANSFER_BROKEN' })

  const stalled = new PassThrough()
  stalled.write('x')
  const refused = unpacker.unpack(TASK, stalled, { below })
  await turn()
  thread?.listener.message({
    kind: 'failed',
    id: 2,
    error: toWire(new InvalidRequestError('no', { code: 'TAR_INVALID' })),
  })
  await assert.rejects(refused, { code: 'TAR_INVALID' })
  assert.ok(stalled.destroyed)
  assert.deepEqual(thread?.keptAlive, [true, false, true, false])
  await unpacker.close()
})

test('hashing takes its turn with unpacking; a canceled one says so to its thread and waits for it', async () => {
  const { threads, started } = createFakes(1)
  const unpacker = createUnpacker(threads)
  const stop = new AbortController()
  const task = { kind: 'file', fd: 7, sizeBytes: 5 } as const
  const hashed = unpacker.digest(task)
  const canceled = unpacker.digest(task, stop.signal)
  await turn()
  const [first, second] = started
  const sent = second?.received.at(-1)
  assert.equal(sent?.kind, 'digest')
  assert.deepEqual(sent.task, task)
  first?.listener.message({ kind: 'digested', id: 1, digested: { digest: 'sha256:1', sizeBytes: 5 } })
  assert.deepEqual(await hashed, { digest: 'sha256:1', sizeBytes: 5 })
  let isOver = false
  const over = assert.rejects(canceled, { code: 'CANCELED' }).then(() => (isOver = true))
  stop.abort()
  await turn()
  assert.equal(sent.signals[1], 1)
  assert.equal(isOver, false, 'the descriptor must stay open as long as the thread reads it')
  second?.listener.message({ kind: 'failed', id: 2, error: toWire(new CanceledError('x')) })
  await over
  await unpacker.close()
})

test('errors arrive as they were', () => {
  const cause = Object.assign(new Error('disk'), { code: 'ENOSPC', syscall: 'write' })
  const all: readonly Error[] = [
    new InvalidRequestError('a', { code: 'TAR_INVALID', hint: 'b' }),
    new UnsupportedError('a', { hint: 'b', cause }),
    new KernelError('a', { errno: 'ENOSPC', path: '/x' }),
    new CanceledError('a'),
    new MycomposeError('a', { code: 'DISK_FULL', hint: 'b' }),
    cause,
    new TypeError('a bug'),
  ]
  for (const error of all) {
    const back = fromWire(structuredClone(toWire(error)))
    if (error instanceof MycomposeError) assert.equal(back.constructor, error.constructor)
    for (const key of ['code', 'hint', 'exitCode', 'errno', 'path', 'syscall'])
      assert.deepEqual(Reflect.get(back, key), Reflect.get(error, key), key)
    assert.equal(back.message, error.message)
    assert.equal((back.cause as Error | undefined)?.message, (error.cause as Error | undefined)?.message)
    if (!(error instanceof MycomposeError)) assert.equal(back.stack, error.stack)
  }
})
