/**
 * An engine as systemd starts it: tells when it serves, and ends the containers when the machine goes down. systemd is
 * played by a socket and by a systemctl that only this engine sees (in a mount namespace of its own).
 */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import type { ContainerInspect } from '../../src/api/types/index.ts'
import { composeFile, containersOf, idle, shell } from '../support/compose.ts'
import { receiveDatagrams, type DatagramReceiver } from '../support/datagram-receiver.ts'
import { useEngine } from '../support/engine.ts'
import { until } from '../support/poll.ts'
import { nodeForSources } from '../support/node-sources.ts'

const MAIN = join(import.meta.dirname, '../../src/engine/main.ts')
const SYSTEMCTL = '/usr/bin/systemctl'

interface Unit extends Disposable {
  readonly process: ChildProcess
  readonly systemd: DatagramReceiver
  /** How systemctl was called, a line each. */
  asked(): string
}

/** `answer`: what systemctl prints. */
function startUnit(t: TestContext, root: string, answer: string): Unit {
  const folder = mkdtempSync(join(tmpdir(), 'mycompose-unit-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [fake, calls, notify] = ['systemctl', 'calls', 'notify'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(fake, `#!/bin/sh\necho "$@" >> ${calls}\necho ${answer}\nexit 1\n`)
  chmodSync(fake, 0o755)
  const systemd = receiveDatagrams(notify)
  const script = `mount --bind ${fake} ${SYSTEMCTL} && exec "$@"`
  const engine = [...nodeForSources, MAIN, '--root', root]
  const child = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-ec', script, 'sh', ...engine], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', NOTIFY_SOCKET: notify },
    stdio: 'ignore',
  })
  return {
    process: child,
    systemd,
    asked: () => (existsSync(calls) ? readFileSync(calls, 'utf8') : ''),
    [Symbol.dispose]() {
      child.kill('SIGKILL')
      systemd[Symbol.dispose]()
    },
  }
}

async function heard({ systemd }: Unit, assignment: string): Promise<void> {
  await until(() => systemd.take()?.split('\n').includes(assignment), { what: assignment })
}

async function endBySignal({ process: child }: Unit): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
}

/** Of the parent of a container's first process; crun would hand a NOTIFY_SOCKET on to the container. */
function conmonEnvironment(pid: number): string {
  const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? ''
  assert.match(readFileSync(`/proc/${parent}/comm`, 'utf8'), /conmon/)
  return readFileSync(`/proc/${parent}/environ`, 'utf8')
}

const byService = (found: readonly ContainerInspect[]): Map<string, ContainerInspect> =>
  new Map(found.map((each) => [each.Config.Labels?.['com.docker.compose.service'] ?? '', each]))

describe('an engine that systemd started', () => {
  const engine = useEngine()
  const services = {
    database: shell("trap 'exit 5' USR1; touch /armed; sleep 2147483647 & wait", {
      restart: 'unless-stopped',
      stop_signal: 'SIGUSR1',
      stop_grace_period: '1h',
    }),
    parked: idle({ restart: 'unless-stopped' }),
    plain: shell("trap 'exit 0' TERM; touch /armed; sleep 2147483647 & wait"),
  }
  const look = async (name: string) => byService(await containersOf(engine.client(), name))

  test('is started when it listens; stopped alone it leaves the containers running', async (t) => {
    await engine.ok(['engine', 'stop'])
    using unit = startUnit(t, engine.config.paths.root, 'running')
    await heard(unit, 'READY=1')
    assert.equal((await engine.client().status()).Pid, unit.process.pid, 'at the first try')
    await using project = engine.project(composeFile('unitstop', services))
    await project.ok('up', '-d')
    const before = await look('unitstop')
    for (const { State } of before.values()) assert.ok(!conmonEnvironment(State.Pid).includes('NOTIFY_SOCKET'))
    await endBySignal(unit)
    await heard(unit, 'STOPPING=1')
    assert.equal(unit.asked(), 'is-system-running\n')
    for (const [name, { State }] of before) assert.ok(existsSync(`/proc/${State.Pid}`), name)
    await project.ok('ps')
    assert.deepEqual(
      [...(await look('unitstop')).values()].map(({ State }) => State.Pid),
      [...before.values()].map(({ State }) => State.Pid),
    )
  })

  test('ends them by their own signal when the machine goes down; the next engine starts what policies say', async (t) => {
    await engine.ok(['engine', 'stop'])
    using unit = startUnit(t, engine.config.paths.root, 'stopping')
    await heard(unit, 'READY=1')
    await using project = engine.project(composeFile('poweroff', services))
    await project.ok('up', '-d')
    await project.ok('stop', 'parked')
    for (const name of ['database', 'plain'])
      await project.ok('exec', '-T', name, 'sh', '-c', 'until [ -e /armed ]; do sleep 0.05; done')
    const before = await look('poweroff')
    await endBySignal(unit)
    await heard(unit, 'STOPPING=1')
    for (const [name, { State }] of before)
      assert.ok(State.Pid === 0 || !existsSync(`/proc/${State.Pid}`), `${name} has ended`)

    await project.ok('ps') // starts an engine; what is to run does so before it listens
    const after = await look('poweroff')
    const status = (name: string) => after.get(name)?.State.Status
    assert.deepEqual(['database', 'parked', 'plain'].map(status), ['running', 'exited', 'exited'])
    assert.equal(after.get('plain')?.State.ExitCode, 0, 'its own, not that of a kill')
  })
})
