/**
 * Logs on the real kernel with the real conmon: rotation while a container writes, over engine restarts, without a line
 * lost or doubled; compressed files; what the drivers refuse.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import type { HostConfig } from '../../src/api/types/index.ts'
import { createDriver, shell } from './containers-driver.ts'
import { openTestEngine, type TestEngine } from './containers-support.ts'

let engine: TestEngine
let keepAlive: NodeJS.Timeout // the engine's own watchers do not hold the process
const { run, logsOf, until, waitFor } = createDriver(() => engine)

beforeEach(async () => {
  keepAlive = setInterval(() => {}, 1000)
  engine = await openTestEngine()
})
afterEach(async () => {
  clearInterval(keepAlive)
  await engine[Symbol.asyncDispose]()
})

const LINES = 60_000
const WRITER = shell(
  `i=0; while [ $i -lt 60 ]; do awk -v i=$i 'BEGIN { for (j = 0; j < 1000; j++) print i * 1000 + j, "padding padding" }'; i=$((i+1)); sleep 0.02; done`,
)
/** The same lines by a writer that leaves any engine the time to look: a file is rotated when it is seen to be too long. */
const PATIENT_WRITER = shell(
  `i=0; while [ $i -lt 60 ]; do awk -v i=$i 'BEGIN { for (j = 0; j < 1000; j++) print i * 1000 + j, "padding padding" }'; i=$((i+1)); [ $((i % 12)) -gt 0 ] || sleep 2; done`,
)
const ALL = Array.from({ length: LINES }, (_, index) => `${index} padding padding\n`)

const logged = (options: Record<string, string>): HostConfig => ({
  NetworkMode: 'none',
  LogConfig: { Type: 'json-file', Config: options },
})

const filesOf = (id: string): string[] =>
  readdirSync(join(engine.base.config.paths.containers, id)).filter((name) => /^ctr\.log\.\d+/.test(name))

test('rotation loses and doubles no line, over engine restarts, for readers and followers', async () => {
  const id = await run({ Cmd: WRITER, HostConfig: logged({ 'max-size': '300k', 'max-file': '100' }) })
  await until(() => filesOf(id).length > 1)
  await engine.restart()
  const followed = logsOf(id, { follow: true, untilExit: true })
  await until(() => filesOf(id).length > 4)
  assert.equal(await waitFor(id), 0)
  const all = ALL.join('')
  assert.equal((await logsOf(id)) === all, true)
  assert.equal((await followed) === all, true)
  assert.equal(await logsOf(id, { tail: 40_000 }), ALL.slice(-40_000).join(''))
  assert.equal(await logsOf(id, { tail: 3 }), ALL.slice(-3).join(''))
})

test('no more is kept than asked for; closed files are compressed and still read', async () => {
  const options = { 'max-size': '200k', 'max-file': '3', compress: 'true' }
  const id = await run({ Cmd: PATIENT_WRITER, HostConfig: logged(options) })
  assert.equal(await waitFor(id), 0)
  const text = await logsOf(id)
  const all = ALL.join('')
  const seen = `${text.length} of ${all.length} from ${JSON.stringify(text.slice(0, 60))}, ${filesOf(id).join(' ')}`
  assert.ok(text.length < all.length && text.length > 0, seen)
  assert.equal(all.endsWith(text), true, seen)
  const names = filesOf(id)
  assert.ok(names.some((name) => name.endsWith('.gz')) && names.length <= 4, names.join(' '))
})

test('what cannot be logged to is said before anything is started', async () => {
  const create = (Type: string, Config: Record<string, string>): Promise<unknown> =>
    run({ Cmd: ['true'], HostConfig: { NetworkMode: 'none', LogConfig: { Type, Config } } })
  await assert.rejects(create('gelf', {}), { code: 'INVALID_LOG_CONFIG', message: /"gelf"/ })
  await assert.rejects(create('syslog', { 'syslog-address': 'unix:///nowhere/log' }), {
    code: 'LOG_TARGET_UNREACHABLE',
    message: /\/nowhere\/log/,
  })
})

const logOf = (id: string): string => join(engine.base.config.paths.containers, id, 'ctr.log')

test('a file that grew without limit while no engine ran: its end is kept, as much as rotation would have kept', async () => {
  const id = await run({ Cmd: shell('sleep 100'), HostConfig: logged({ 'max-size': '100k', 'max-file': '3' }) })
  const lines = Array.from({ length: 40_000 }, (_, index) => `line ${index}\n`)
  appendFileSync(logOf(id), lines.map((line) => `2026-11-21T12:00:00.123456789+00:00 stdout F ${line}`).join(''))
  await engine.restart()
  await until(() => filesOf(id).length > 1 && statSync(`${logOf(id)}.1`).size <= 2 * 100 * 1024)
  const text = await logsOf(id)
  assert.equal(lines.join('').endsWith(text), true)
  assert.match(text, /^line \d+\n/)
  assert.ok(text.length > 30_000, `${text.length}`)
})

test('what is cut off leaves no hole after files that were compressed before', async () => {
  const write = shell(`seq 1 8000 | sed 's/^/first /'; sleep 100`)
  const options = { 'max-size': '100k', 'max-file': '3', compress: 'true' }
  const id = await run({ Cmd: write, HostConfig: logged(options) })
  await until(() => filesOf(id).some((name) => name.endsWith('.gz')))
  await until(async () => (await logsOf(id)).endsWith('first 8000\n'))
  const before = await logsOf(id)
  const lines = Array.from({ length: 40_000 }, (_, index) => `line ${index}\n`).join('')
  const stamped = lines.replaceAll(/^/gm, '2026-11-21T12:00:00.123456789+00:00 stdout F ').replace(/[^\n]*$/, '')
  appendFileSync(logOf(id), stamped)
  await engine.restart()
  await until(async () => (await logsOf(id)).length < lines.length)
  const text = await logsOf(id)
  assert.equal(`${before}${lines}`.endsWith(text), true, text.slice(0, 100))
})

/** A disk of its own for what the engine keeps of containers. */
function resizeDisk(verb: 'mount' | 'remount', size: string): void {
  const { containers } = engine.base.config.paths
  const options = verb === 'remount' ? `remount,size=${size}` : `size=${size}`
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'mycompose-test', containers])
}

const FILLER = `trap 'echo after' USR1; while :; do yes "$(seq 1 20 | tr '\\n' ' ')" | head -c 4000000; break; done; echo lost; while :; do sleep 0.05; done`

test('a full disk: the container goes on, it is told, what was cut in half is shown, and nothing runs into it', async () => {
  resizeDisk('mount', '2m')
  try {
    const id = await run({ Cmd: shell(FILLER), HostConfig: logged({}) })
    const told = (text: string): Promise<void> => until(() => engine.log.some((line) => line.startsWith(text)), 30)
    await told('the disk is full')
    const { State } = await engine.containers.inspect(id)
    assert.equal(State.Running, true)
    resizeDisk('remount', '64m')
    await told('the disk was full')
    await engine.containers.kill(id, 'SIGUSR1')
    await until(async () => (await logsOf(id)).endsWith('after\n'))
    const lines = (await logsOf(id)).split('\n')
    const whole = lines[0] ?? ''
    const odd = lines.filter((line) => line !== whole && line !== '' && line !== 'lost')
    assert.deepEqual([odd.at(-1), odd.length <= 2], ['after', true], odd.join('|'))
    assert.equal(odd.length < 2 || whole.startsWith(odd[0] ?? '-'), true)
    await engine.containers.remove(id, { force: true, volumes: true })
  } finally {
    execFileSync('umount', ['-l', engine.base.config.paths.containers])
  }
})

test('half a last line of a run that has ended is shown, and the next run begins a line of its own', async () => {
  const id = await run({ Cmd: shell('echo whole'), HostConfig: logged({}) })
  await waitFor(id)
  appendFileSync(logOf(id), '2026-11-21T12:00:00.123456789+00:00 stdout F half of it')
  assert.equal(await logsOf(id), 'whole\nhalf of it\n')
  assert.equal(await logsOf(id, { tail: 1 }), 'half of it\n')
  assert.equal(await logsOf(id, { follow: true, untilExit: true }), 'whole\nhalf of it\n')
  await engine.containers.start(id)
  await waitFor(id)
  assert.equal(await logsOf(id), 'whole\nhalf of it\nwhole\n')
})
