/** What systemd is told, over real sockets, and what it is asked. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { openServiceManager, type ServiceManager } from '../../../src/engine/service-manager.ts'
import { createClock } from '../../../src/host/clock.ts'
import type { Exec } from '../../../src/host/host.ts'
import { loadLibc } from '../../../src/host/libc.ts'
import { createUnixDatagrams } from '../../../src/host/unix-datagrams.ts'
import { receiveDatagrams } from '../../support/datagram-receiver.ts'

const unixDatagrams = createUnixDatagrams(loadLibc())

function systemctl(answer: string | Error): { exec: Exec; asked: string[] } {
  const asked: string[] = []
  const exec: Exec = {
    async run(argv) {
      asked.push(argv.join(' '))
      if (answer instanceof Error) throw answer
      return { stdout: `${answer}\n`, stderr: '', exitCode: answer === 'running' ? 0 : 1, signal: null }
    },
    spawn: () => assert.fail('nothing is left running'),
  }
  return { exec, asked }
}

function open(
  environment: Readonly<Record<string, string>>,
  { exec } = systemctl('running'),
): { manager: ServiceManager; log: string[] } {
  const log: string[] = []
  const host = { unixDatagrams, clock: createClock(), exec }
  return { manager: openServiceManager(host, { environment, log: (level, message) => log.push(level, message) }), log }
}

function socketPath(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mycompose-notify-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return join(folder, 'notify')
}

describe('told', () => {
  test('by path: one datagram, one assignment a line', async (t) => {
    const path = socketPath(t)
    using systemd = receiveDatagrams(path)
    const { manager, log } = open({ NOTIFY_SOCKET: path })
    await manager.notify({ READY: '1', STATUS: 'serves\nMAINPID=1' })
    assert.equal(systemd.take(), 'READY=1\nSTATUS=serves MAINPID=1')
    assert.equal(systemd.take(), undefined)
    assert.deepEqual(log, [])
  })

  test('by an abstract name, all its bytes and no more', async () => {
    const name = `@mycompose-test-${process.pid}`
    using systemd = receiveDatagrams(name)
    await open({ NOTIFY_SOCKET: name }).manager.notify({ STOPPING: '1' })
    assert.equal(systemd.take(), 'STOPPING=1')
  })

  test('when its queue is full, as soon as there is room', async (t) => {
    const path = socketPath(t)
    using systemd = receiveDatagrams(path)
    // to the brim, each from a sender of its own: where systemd made the queue longer, one sender's buffer is full before
    const sends = (): boolean => {
      const socket = unixDatagrams.connect(path)
      const isSent = socket.send(Buffer.from('other'))
      socket.close()
      return isSent
    }
    while (sends());
    const { manager, log } = open({ NOTIFY_SOCKET: path })
    const told = manager.notify({ READY: '1' })
    for (let taken = systemd.take(); taken !== undefined; taken = systemd.take()) assert.equal(taken, 'other')
    await told
    assert.equal(systemd.take(), 'READY=1')
    assert.deepEqual(log, [])
  })

  test('nobody: without a socket nothing happens, one that is gone is a line in the log', async (t) => {
    await open({}).manager.notify({ READY: '1' })
    const { manager, log } = open({ NOTIFY_SOCKET: socketPath(t) })
    await manager.notify({ READY: '1' })
    assert.deepEqual(log, ['warn', 'cannot tell systemd'])
  })
})

describe('asked whether the machine goes down', () => {
  const unit = { INVOCATION_ID: '0123456789abcdef0123456789abcdef' }
  const cases = [
    ['stopping', true],
    ['running', false],
    ['degraded', false],
    ['starting', false],
    ['offline', false],
    [new Error('no systemctl'), false],
  ] as const
  for (const [answer, want] of cases)
    test(`${String(answer)}: ${want}`, async () => {
      const { exec, asked } = systemctl(answer)
      assert.equal(await open(unit, { exec, asked }).manager.isMachineStopping(), want)
      assert.deepEqual(asked, ['systemctl is-system-running'])
    })

  test('not at all when it did not start us', async () => {
    const { exec, asked } = systemctl('stopping')
    assert.equal(await open({}, { exec, asked }).manager.isMachineStopping(), false)
    assert.deepEqual(asked, [])
  })
})
