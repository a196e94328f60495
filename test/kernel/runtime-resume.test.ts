/**
 * A start that was cut short around the byte into exec.fifo: the next engine must neither wait for a reader that is gone
 * nor lose a container that waits.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { engineConfig } from '../../src/engine/config.ts'
import { createCrun } from '../../src/engine/runtime/crun.ts'
import type { OciRuntime } from '../../src/engine/runtime/runtime.ts'
import type { Host } from '../../src/host/host.ts'
import { createNodeHost } from '../../src/host/node-host.ts'
import { until } from '../support/poll.ts'

/** As crun's container_init: a byte is right, the end of file is waited through, EAGAIN is the container's end. */
const WAITING = `
const { openSync, readSync, constants } = require('node:fs')
const fd = openSync(process.argv[1], constants.O_RDONLY | constants.O_NONBLOCK)
try {
  for (let turn = 0; readSync(fd, Buffer.alloc(1)) === 0; turn += 1) if (turn === 1000) console.log('spins')
} catch { process.exit(1) }`

/** The writer is interrupted between opening and writing, as it can be on a busy machine. */
function slowHost(): Host {
  const host = createNodeHost()
  const writeFifoSync = (path: string, text: string): void => {
    const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
    writeSync(fd, text)
    closeSync(fd)
  }
  return { ...host, files: { ...host.files, writeFifoSync } }
}

function openCrun(t: TestContext): { readonly crun: OciRuntime; readonly fifo: string } {
  const root = mkdtempSync(join(tmpdir(), 'mycompose-resume-'))
  const config = engineConfig(root, 'test')
  t.after(() => {
    rmSync(root, { recursive: true })
    rmSync(config.paths.run, { recursive: true, force: true })
  })
  const folder = join(config.paths.runtime, 'crun', 'c1')
  mkdirSync(folder, { recursive: true })
  const fifo = join(folder, 'exec.fifo')
  execFileSync('mkfifo', [fifo])
  const layout = { kind: 'v2', trees: new Map(), leftOnV2: [] } as const
  return { crun: createCrun(slowHost(), config, layout, '/usr/bin/crun'), fifo }
}

const recordOf = (pid: number): { pid: number; startTime: string } => ({
  pid,
  startTime: createNodeHost().processes.startTime(pid) ?? '',
})

test('resume: nobody reads exec.fifo any more', async (t) => {
  const { crun, fifo } = openCrun(t)
  assert.equal(crun.isWaiting('c1'), true)
  await crun.resume('c1', recordOf(process.pid))
  assert.equal(crun.isWaiting('c1'), false)
  assert.equal(existsSync(join(fifo, '..')), true)
})

test('resume: the engine before had opened exec.fifo, and was killed before it wrote', async (t) => {
  for (let turn = 0; turn < 10; turn += 1) {
    const { crun, fifo } = openCrun(t)
    const waiting = spawn(process.execPath, ['-e', WAITING, fifo], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = once(waiting, 'exit')
    await once(waiting.stdout, 'data')
    const pid = waiting.pid ?? 0
    await crun.resume('c1', recordOf(pid))
    assert.deepEqual(await exited, [0, null], `turn ${turn}`)
    assert.equal(crun.isWaiting('c1'), false)
  }
})

test('resume: the engine before was killed while the container was stopped', async (t) => {
  const { crun, fifo } = openCrun(t)
  const waiting = spawn(process.execPath, ['-e', WAITING, fifo], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(waiting, 'exit')
  await once(waiting.stdout, 'data')
  const pid = waiting.pid ?? 0
  process.kill(pid, 'SIGSTOP')
  await until(() => / T /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')), { what: 'it stands still' })
  const writer = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK)
  closeSync(writer)
  await crun.resume('c1', recordOf(pid))
  assert.deepEqual(await exited, [0, null])
})
