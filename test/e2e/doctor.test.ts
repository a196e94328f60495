/** `doctor` where no engine runs, or none can: it says why, and changes nothing. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, describe, test } from 'node:test'
import type { DoctorFinding } from '../../src/api/types/index.ts'
import { describeResult } from '../support/command.ts'
import { composeFile, idle } from '../support/compose.ts'
import { createEngine, useEngine, type EngineUnderTest } from '../support/engine.ts'

async function diagnose(
  engine: EngineUnderTest,
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly failed: readonly DoctorFinding[]; readonly all: readonly DoctorFinding[] }> {
  const result = await engine.run(['doctor', '--json'], { env })
  assert.equal(result.stderr, '', describeResult(result))
  const all = JSON.parse(result.stdout) as DoctorFinding[]
  const failed = all.filter(({ status }) => status === 'failed')
  assert.equal(result.exitCode, failed.length === 0 ? 0 : 1, describeResult(result))
  return { all, failed }
}

/** The one thing that is wrong, with what mends it. */
function assertFailed(failed: readonly DoctorFinding[], check: string, message: RegExp, fix: RegExp): void {
  assert.deepEqual(
    failed.map((finding) => finding.check),
    [check],
  )
  assert.match(failed[0]?.message ?? '', message)
  assert.match(failed[0]?.fix ?? '', fix)
}

describe('doctor without an engine', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mycompose-doctor-'))
  after(() => rmSync(folder, { recursive: true }))

  /** An engine of a new root that never runs. */
  function rootWith(files: Readonly<Record<string, string>>): EngineUnderTest {
    const root = mkdtempSync(join(folder, 'root-'))
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text)
    return createEngine(root)
  }

  test('the whole machine is looked at, and nothing is made or left', async () => {
    const root = join(folder, 'not/there')
    const engine = createEngine(root)
    const { all, failed } = await diagnose(engine)
    assert.deepEqual(failed, [])
    const checked = new Set(all.map(({ check }) => check))
    for (const check of ['engine', 'folders', 'state', 'kernel', 'cgroups', 'nftables', 'firewall', 'addresses'])
      assert.ok(checked.has(check), check)
    for (const check of ['storage', 'disk', 'clock', 'nofile', 'conmon']) assert.ok(checked.has(check), check)
    assert.ok(!all.some(({ message }) => message.startsWith('cannot check')), JSON.stringify(all, undefined, 1))
    assert.deepEqual(readdirSync(folder), [])
    assert.equal(existsSync(engine.config.paths.run), false)
  })

  test('a root that cannot be made', async () => {
    const engine = rootWith({ file: '' })
    const { failed } = await diagnose(createEngine(join(engine.config.paths.root, 'file/below')))
    assertFailed(failed, 'folders', /root-\w+\/file is no folder/, /--root/)
  })

  test('a state that is newer, or damaged, stays as it is', async () => {
    const newer = rootWith({})
    const { database, root } = newer.config.paths
    const state = new DatabaseSync(database)
    state.exec("CREATE TABLE meta (key TEXT, value TEXT); INSERT INTO meta VALUES ('schema_version', '99')")
    state.close()
    const before = readFileSync(database)
    assertFailed((await diagnose(newer)).failed, 'state', /schema version 99/, /install that version/)
    assert.deepEqual(readFileSync(database), before)
    assert.deepEqual(readdirSync(root), ['state.db'])
    const damaged = rootWith({ 'state.db': 'no database '.repeat(1000) })
    assertFailed((await diagnose(damaged)).failed, 'state', /damaged/, /copy .*state\.db/)
    assert.deepEqual(readdirSync(damaged.config.paths.root), ['state.db'])
  })

  test('a storage driver that is not the one of the store', async () => {
    const engine = rootWith({ 'storage-driver': 'overlay\n' })
    const { failed } = await diagnose(engine, { MYCOMPOSE_STORAGE_DRIVER: 'vfs' })
    assertFailed(failed, 'storage', /begun with the storage driver "overlay"/, /--root/)
  })

  test('something else where the socket belongs, and an engine that died of a bug', async () => {
    const engine = rootWith({ 'engine.log': '2026-01-01T00:00:00.0Z error bug: uncaught exception\n' })
    const { socket, run } = engine.config.paths
    mkdirSync(socket, { recursive: true })
    const { all, failed } = await diagnose(engine)
    rmSync(run, { recursive: true })
    assertFailed(failed, 'socket', /engine\.sock is no socket/, /^rm /)
    assert.ok(all.some(({ check, message }) => check === 'engine' && /bug: uncaught exception/.test(message)))
  })
})

describe('doctor beside an engine', () => {
  const engine = useEngine()

  test('one that is stuck is told with what holds the lock, and one that was killed with its last words', async () => {
    await using project = engine.project(composeFile('looked-at', { a: idle() }))
    await project.ok('up', '-d')
    const pid = engine.pid() ?? 0
    process.kill(pid, 'SIGSTOP')
    try {
      const { failed } = await diagnose(engine)
      assert.deepEqual(
        failed.map(({ check }) => check),
        ['engine', 'lock'],
      )
      assert.match(failed[1]?.fix ?? '', new RegExp(`kill -9 ${pid} `))
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    await engine.ok(['engine', 'status'])
    process.kill(pid, 'SIGKILL')
    const { all, failed } = await diagnose(engine)
    assert.deepEqual(failed, [])
    const told = all.filter(({ check }) => check === 'engine').map(({ message }) => message)
    assert.match(told.join('\n'), /^does not run.*\n.*the last line of its log: .* ready /)
    await project.ok('down', '-t', '0')
    await engine.ok(['engine', 'stop'])
    assert.ok((await diagnose(engine)).all.every(({ message }) => !/last line of its log/.test(message)))
  })
})
