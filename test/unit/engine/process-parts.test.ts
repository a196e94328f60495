import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { engineConfig } from '../../../src/engine/config.ts'
import { createEvents } from '../../../src/engine/events.ts'
import { clearSocketPath, findGroupId, prepareFolders } from '../../../src/engine/folders.ts'
import { formatLogLine } from '../../../src/engine/log.ts'
import { createFiles } from '../../../src/host/files.ts'
import { openLogFile } from '../../../src/host/log-file.ts'
import type { EventMessage } from '../../../src/api/types/index.ts'
import type { Clock } from '../../../src/host/host.ts'

describe('parts of the engine process', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mycompose-parts-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('writes log lines that nothing in them can break', () => {
    assert.equal(
      formatLogLine('T', 'warn', 'two\nlines \u001b[31m', { name: 'a\nb', error: 3, none: undefined }),
      'T warn  two lines  [31m name="a\\nb" error=3 none=undefined',
    )
  })

  it('turns the log over at its size, and keeps one old file', () => {
    const path = join(folder, 'log')
    const turns: number[] = []
    const file = openLogFile(path, 25, (fd) => turns.push(fd))
    for (const line of ['0123456789', 'abcdefghij', 'ABCDEFGHIJ', 'last']) file.write(line)
    file.close()
    assert.equal(readFileSync(`${path}.1`, 'utf8'), '0123456789\nabcdefghij\n')
    assert.equal(readFileSync(path, 'utf8'), 'ABCDEFGHIJ\nlast\n')
    assert.equal(turns.length, 1)
    assert.equal(statSync(path).mode & 0o777, 0o600)
  })

  it('gives the folders their modes, also when they were there', async () => {
    const config = { ...engineConfig(join(folder, 'root'), '0') }
    const paths = {
      ...config.paths,
      run: join(folder, 'run'),
      netns: join(folder, 'run/netns'),
      exits: join(folder, 'run/exits'),
      runtime: join(folder, 'run/runtime'),
      buildSteps: join(folder, 'run/build'),
    }
    mkdirSync(paths.root, { mode: 0o777 })
    await prepareFolders(createFiles(), { ...config, paths })
    assert.equal(statSync(paths.root).mode & 0o7777, 0o700)
    assert.equal(statSync(paths.run).mode & 0o7777, 0o711)
    assert.equal(statSync(paths.containers).mode & 0o7777, 0o700)
  })

  it('does not follow a link that somebody put in place of a folder, nor remove a file in place of the socket', async () => {
    const config = engineConfig(join(folder, 'root'), '0')
    symlinkSync('/etc', config.paths.root)
    await assert.rejects(prepareFolders(createFiles(), config), { code: 'ROOT_UNSAFE' })
    const file = join(folder, 'file')
    writeFileSync(file, '')
    await assert.rejects(clearSocketPath(createFiles(), file), { code: 'ROOT_UNSAFE' })
    await clearSocketPath(createFiles(), join(folder, 'absent'))
  })

  it('finds a group by its whole name', () => {
    const file = 'root:x:0:\nmycompose-old:x:5:\nmycompose:x:997:alice,bob\n'
    assert.equal(findGroupId(file, 'mycompose'), 997)
    assert.equal(findGroupId(file, 'docker'), undefined)
  })

  it('stamps events, keeps the last 256, and tells each listener whatever the others do', () => {
    const clock: Clock = {
      nowMs: () => 0,
      nowRfc3339: () => '2026-01-02T03:04:05.123456789Z',
      sleep: () => Promise.resolve(),
    }
    const failures: unknown[] = []
    const events = createEvents(clock, (error) => failures.push(error))
    const heard: EventMessage[] = []
    events.subscribe(() => {
      throw new Error('a listener that fails')
    })
    const unsubscribe = events.subscribe((event) => heard.push(event))
    events.publish({ Type: 'container', Action: 'start', Actor: { ID: 'i', Attributes: { image: 'x' } } })
    unsubscribe()
    for (let count = 0; count < 300; count += 1)
      events.publish({ Type: 'network', Action: `n${count}`, Actor: { ID: 'n', Attributes: {} } })
    assert.equal(heard.length, 1)
    const { time, timeNano, status, id, from, scope } = heard[0] as EventMessage
    assert.deepEqual(
      { time, status, id, from, scope },
      { time: 1_767_323_045, status: 'start', id: 'i', from: 'x', scope: 'local' },
    )
    assert.ok(Math.abs(timeNano / 1e9 - 1_767_323_045.123_456_7) < 1e-6)
    assert.equal(failures.length, 301)
    assert.deepEqual([events.recent().length, events.recent()[0]?.Action], [256, 'n44'])
  })
})
