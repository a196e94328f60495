import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { followRun } from '../../../src/cli/attached.ts'
import { write } from '../../../src/cli/io.ts'
import { createPlainRenderer } from '../../../src/cli/output/plain.ts'
import { plainStyle } from '../../../src/cli/output/style.ts'
import type { AttachedRun } from '../../../src/project/attach-up.ts'
import type { LogEvent, LogSource } from '../../../src/project/logs.ts'
import { Sink } from './harness.ts'

const web: LogSource = { service: 'web', shortName: 'web-1', containerName: 'p-web-1', containerId: 'w', number: 1 }

/** A run whose containers end when they are stopped, or killed, or by themselves. */
function createRun(): AttachedRun & { readonly calls: string[]; end(code: number): void; emit(text: string): void } {
  const queue: LogEvent[] = [{ kind: 'joined', source: web }]
  const calls: string[] = []
  const ended = Promise.withResolvers<number>()
  const stopped = Promise.withResolvers<undefined>()
  let wake = (): void => {}
  let over = false
  async function* events(): AsyncGenerator<LogEvent> {
    for (;;) {
      for (let event = queue.shift(); event !== undefined; event = queue.shift()) yield event
      if (over) return
      await new Promise<void>((resolve) => (wake = resolve))
    }
  }
  return {
    calls,
    attachedTo: ['db-1', 'web-1'],
    events: events(),
    ended: ended.promise,
    stop() {
      calls.push('stop')
      return stopped.promise
    },
    kill() {
      calls.push('kill')
      return Promise.resolve()
    },
    detach() {
      calls.push('detach')
      this.end(0)
    },
    emit(text) {
      queue.push({ kind: 'output', source: web, stream: 'stdout', data: Buffer.from(text) })
      wake()
    },
    end(code) {
      queue.push({ kind: 'exited', source: web, exitCode: code, restarting: false })
      over = true
      stopped.resolve(undefined)
      ended.resolve(code)
      wake()
    },
  }
}

function start(run: AttachedRun): {
  readonly exitCode: Promise<number>
  readonly stdout: Sink
  readonly stderr: Sink
  readonly abort: AbortController
  readonly interrupt: () => void
} {
  const [stdout, stderr] = [new Sink(), new Sink()]
  const abort = new AbortController()
  let interrupt = (): void => {}
  const exitCode = followRun(
    {
      io: { stdout, stderr } as never,
      signal: abort.signal,
      style: () => Promise.resolve(plainStyle),
      renderer: () => Promise.resolve(createPlainRenderer(stderr, plainStyle)),
      print: (text) => write(stdout, text),
      tell: (text) => write(stderr, text),
      takeSignals: (listener) => (interrupt = () => listener('SIGINT')),
    },
    run,
    { color: true, logPrefix: true },
  )
  return { exitCode, stdout, stderr, abort, interrupt: () => interrupt() }
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2))

describe('up in the foreground', () => {
  test('shows output and exits, and ends with the code of the run', async () => {
    const run = createRun()
    const { exitCode, stdout } = start(run)
    await turn()
    run.emit('hello\n')
    run.end(3)
    assert.equal(await exitCode, 3)
    assert.equal(stdout.text, 'Attaching to db-1, web-1\nweb-1  | hello\nweb-1 exited with code 3\n')
    assert.deepEqual(run.calls, [])
  })

  test('Ctrl-C stops gracefully; output goes on until all have stopped; 130', async () => {
    const run = createRun()
    const { exitCode, stdout, stderr, interrupt } = start(run)
    await turn()
    interrupt()
    await turn()
    run.emit('bye\n')
    run.end(143)
    assert.equal(await exitCode, 130)
    assert.deepEqual(run.calls, ['stop'])
    assert.equal(stderr.text, 'Gracefully Stopping... press Ctrl+C again to force\n')
    assert.match(stdout.text, /web-1 {2}\| bye\n/)
  })

  test('the second Ctrl-C kills, a third does nothing more', async () => {
    const run = createRun()
    const { exitCode, interrupt } = start(run)
    await turn()
    interrupt()
    interrupt()
    interrupt()
    assert.deepEqual(run.calls, ['stop', 'kill'])
    run.end(137)
    assert.equal(await exitCode, 130)
  })

  test('when nobody reads the output any more it lets go of the containers', async () => {
    const run = createRun()
    const { exitCode, abort } = start(run)
    await turn()
    abort.abort(new Error('EPIPE'))
    await exitCode
    assert.deepEqual(run.calls, ['detach'])
  })
})
