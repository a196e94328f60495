/**
 * Logs on the real kernel with the real conmon: rotation while a container writes, over engine restarts, without a line
 * lost or doubled; compressed files; what the drivers refuse.
 */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
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
  const id = await run({ Cmd: WRITER, HostConfig: logged(options) })
  assert.equal(await waitFor(id), 0)
  const text = await logsOf(id)
  assert.ok(text.length < ALL.join('').length && ALL.join('').endsWith(text) && text.length > 0)
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
