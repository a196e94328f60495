import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { describe, test } from 'node:test'
import type { EngineClient, OutputChunk } from '../../../src/api/client/client.ts'
import type { ExecCreateRequest } from '../../../src/api/types/index.ts'
import { container, fakeClient, runCli } from './harness.ts'

const P = ['-p', 'p']

describe('exec', () => {
  interface Seen {
    request?: ExecCreateRequest
    input: string
    resized: (readonly number[])[]
    rawModes: boolean[]
  }

  /** Answers with what it got as input, once the input has ended or `quit` has come. */
  function execClient(seen: Seen, exitCode = 0): EngineClient {
    async function* echo(input: PassThrough): AsyncGenerator<OutputChunk> {
      for await (const chunk of input) {
        seen.input += String(chunk)
        if (seen.input.includes('quit')) break
      }
      yield { stream: 'stdout', data: Buffer.from(`got ${seen.input}`) }
      yield { stream: 'stderr', data: Buffer.from('and an error') }
    }
    return fakeClient({
      containers: {
        list: () => Promise.resolve([container('web')]),
        createExec(_id, request) {
          seen.request = request
          return Promise.resolve('e1')
        },
        startExec() {
          const input = new PassThrough()
          return Promise.resolve({ input, output: echo(input), close: () => void input.destroy() })
        },
        resizeExec(_id, rows, columns) {
          seen.resized.push([rows, columns])
          return Promise.resolve()
        },
        inspectExec: () => Promise.resolve({ ExitCode: exitCode } as never),
      },
    })
  }
  const fresh = (): Seen => ({ input: '', resized: [], rawModes: [] })

  test('streams, exit code, options behind the service are the command’s', async () => {
    const seen = fresh()
    const { exitCode, stdout, stderr } = await runCli(
      [...P, 'exec', '-e', 'A=1', '-e', 'HOME', '-e', 'NONE', '-u', 'root', '-w', '/tmp', 'web', 'cat', '-u', 'x'],
      { client: execClient(seen, 7), input: 'hello', env: { HOME: '/h' } },
    )
    assert.equal(exitCode, 7)
    assert.equal(stdout, 'got hello')
    assert.equal(stderr, 'and an error')
    const { Cmd, Env, User, WorkingDir, Tty } = seen.request ?? {}
    assert.deepEqual(
      { Cmd, Env, User, WorkingDir, Tty },
      {
        Cmd: ['cat', '-u', 'x'],
        Env: ['A=1', 'HOME=/h'],
        User: 'root',
        WorkingDir: '/tmp',
        Tty: false,
      },
    )
  })

  test('on a terminal: raw mode, its size, and back', async () => {
    const seen = fresh()
    const { exitCode } = await runCli([...P, 'exec', 'web', 'sh'], {
      client: execClient(seen),
      tty: true,
      async during({ stdin, stdout, signal }) {
        Object.assign(stdin, { isTTY: true, setRawMode: (raw: boolean) => seen.rawModes.push(raw) })
        while (seen.rawModes.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
        stdout.rows = 50
        signal('SIGWINCH')
        stdin.write('quit')
      },
    })
    assert.equal(exitCode, 0)
    assert.equal(seen.request?.Tty, true)
    assert.deepEqual(seen.request.ConsoleSize, [40, 100])
    assert.deepEqual(seen.resized, [[50, 100]])
    assert.deepEqual(seen.rawModes, [true, false])
  })

  test('-T: no terminal even on one', async () => {
    const seen = fresh()
    await runCli([...P, 'exec', '-T', 'web', 'sh'], {
      client: execClient(seen),
      tty: true,
      input: 'x',
      during: ({ stdin }) => void Object.assign(stdin, { isTTY: true }),
    })
    assert.equal(seen.request?.Tty, false)
  })

  test('a reader that goes away ends it, and that is no error', async () => {
    const seen = fresh()
    const { exitCode, stderr } = await runCli([...P, 'exec', '-T', 'web', 'yes'], {
      client: execClient(seen),
      async during({ stdin, stdout }) {
        stdin.write('x')
        while (seen.input === '') await new Promise((resolve) => setTimeout(resolve, 1))
        stdout.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
      },
    })
    assert.deepEqual([exitCode, stderr], [0, ''])
  })

  test('Ctrl-C without a terminal ends with 130', async () => {
    const seen = fresh()
    const { exitCode } = await runCli([...P, 'exec', '-T', 'web', 'sleep', '9'], {
      client: execClient(seen),
      async during({ stdin, signal }) {
        stdin.write('x')
        while (seen.input === '') await new Promise((resolve) => setTimeout(resolve, 1))
        signal('SIGINT')
      },
    })
    assert.equal(exitCode, 130)
  })
})
