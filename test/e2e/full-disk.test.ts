/**
 * The disk of the engine's root is full: what cannot be done is told and undone, what runs goes on, what ends is known
 * and on the disk as soon as it has room, and an engine that is killed meanwhile comes back. A tmpfs stands for the disk;
 * and a btrfs with a quota, which binds root too, says EDQUOT, and has to find room even for what is written over.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { errnoOf } from '../../src/errors.ts'
import { BUSYBOX_IMAGE, busyboxTar } from '../support/busybox.ts'
import { describeResult, type CommandResult } from '../support/command.ts'
import { composeFile, containersOf, idle, shell } from '../support/compose.ts'
import { createEngine } from '../support/engine.ts'
import { sweep } from '../support/leaks.ts'
import { until } from '../support/poll.ts'
import { openCopy } from '../support/state-copy.ts'
import { checkLeaks } from '../fault/checks.ts'

const CHUNK_BYTES = [1 << 20, 4096, 1] as const

/** To the last byte. */
function fill(path: string): void {
  const file = openSync(path, 'a')
  try {
    for (const size of CHUNK_BYTES)
      for (let isFull = false; !isFull;) {
        try {
          writeSync(file, Buffer.alloc(size))
          if (size < CHUNK_BYTES[0]) fsyncSync(file)
        } catch (error) {
          assert.match(errnoOf(error) ?? '', /^(?:ENOSPC|EDQUOT)$/)
          isFull = true
        }
      }
  } finally {
    closeSync(file)
  }
}

interface Disk {
  readonly name: string
  /** Why it cannot be had here. */
  readonly absence?: string | false
  readonly mount: (folder: string) => void
  readonly makeRoom: (folder: string) => void
}

const FILLER = 'filler'
const SIZE = '48m'

const run = (...[program = '', ...args]: readonly string[]): void => void execFileSync(program, args)

const DISKS: readonly Disk[] = [
  {
    name: 'a full disk',
    mount: (folder) => run('mount', '-t', 'tmpfs', '-o', `size=${SIZE},mode=700`, 'mycompose-test', folder),
    makeRoom: (folder) => rmSync(join(folder, FILLER)),
  },
  {
    name: 'a quota that is used up',
    absence: !/\tbtrfs$/m.test(readFileSync('/proc/filesystems', 'utf8')) && 'the kernel has no btrfs',
    mount: (folder) => {
      const image = `${folder}.btrfs`
      writeFileSync(image, '')
      truncateSync(image, 256 * 2 ** 20)
      run('mkfs.btrfs', '-q', image)
      run('mount', '-o', 'loop', image, folder)
      rmSync(image) // gone with the mount
      run('btrfs', 'quota', 'enable', folder)
      run('btrfs', 'qgroup', 'limit', SIZE, folder)
    },
    makeRoom: (folder) => {
      run('btrfs', 'qgroup', 'limit', 'none', folder)
      rmSync(join(folder, FILLER))
      run('sync', '-f', folder)
      run('btrfs', 'qgroup', 'limit', SIZE, folder)
    },
  },
]

function checkToldFull(result: CommandResult): void {
  assert.equal(result.exitCode, 1, describeResult(result))
  assert.match(result.stderr, /^error: .*(?:no space|disk is full|ENOSPC|quota)/im, describeResult(result))
  assert.doesNotMatch(result.stderr, /^\s+at .*:\d+:\d+/m, 'no stack')
}

function checkDisk({ mount, makeRoom }: Disk): void {
  const disk = mkdtempSync(join(tmpdir(), 'mycompose-full-'))
  const filler = join(disk, FILLER)
  const engine = createEngine(join(disk, 'root'))

  before(async () => {
    mount(disk)
    await engine.ok(['image', 'import', await busyboxTar(), BUSYBOX_IMAGE])
  })

  after(async () => {
    engine.close()
    rmSync(filler, { force: true })
    await engine.run(['engine', 'stop', '--all'])
    await sweep(engine.config)
    execFileSync('umount', ['-l', disk])
    rmSync(disk, { recursive: true, force: true })
  })

  test('nothing is lost or left, whether the engine goes on or is killed', async () => {
    const services = {
      steady: idle(),
      once: shell("trap 'exit 7' USR1; echo ready; while true; do sleep 0.1; done"),
      again: shell("trap 'exit 0' TERM; trap 'exit 3' USR1; echo ready; while true; do sleep 0.1; done", {
        restart: 'always',
      }),
    }
    await using project = engine.project(composeFile('full', services, { volumes: { v: {} } }))
    await using other = engine.project(
      composeFile('late', { late: idle({ volumes: ['new:/data'] }) }, { volumes: { new: {} } }),
    )
    await project.ok('up', '-d')
    const ready = async (name: string): Promise<boolean> => /ready/.test(await project.ok('logs', name))
    await until(async () => (await ready('once')) && (await ready('again')), { what: 'both have set their traps' })
    const stateOf = async (name: string) => {
      const found = (await containersOf(engine.client(), 'full')).find(({ Name }) => Name === `/full-${name}-1`)
      assert.ok(found !== undefined, name)
      return found.State
    }
    const steadyPid = (await stateOf('steady')).Pid

    fill(filler)
    checkToldFull(await project.run('exec', '-T', 'steady', 'true'))
    checkToldFull(await other.run('up', '-d'))
    assert.deepEqual(await containersOf(engine.client(), 'late'), [])
    await project.ok('kill', '-s', 'USR1', 'once')
    await until(async () => (await stateOf('once')).ExitCode === 7, { what: 'the exit code of once' })
    assert.match(await project.ok('ps', '-a'), /once.*Exited \(7\)/)

    makeRoom(disk)
    const pid = engine.pid()
    assert.ok(pid !== undefined)
    const isSaved = (): boolean => {
      using state = openCopy(engine.config.paths.database)
      const rows = state.database.prepare('SELECT doc FROM containers').all()
      return rows.some(({ doc }) => /"name":"full-once-1"/.test(String(doc)) && /"exitCode":7/.test(String(doc)))
    }
    await until(isSaved, { what: 'the exit code is on the disk again' })

    fill(filler)
    process.kill(pid, 'SIGKILL')
    const onFull = await project.run('ps', '-a')
    assert.match(onFull.stdout, /once.*Exited \(7\)/, describeResult(onFull))
    process.kill(engine.pid() ?? 0, 'SIGKILL')
    makeRoom(disk)
    assert.match(await project.ok('ps', '-a'), /once.*Exited \(7\)/)
    assert.equal((await stateOf('steady')).Pid, steadyPid)
    await project.ok('up', '-d')
    await other.ok('up', '-d')
    await project.ok('down', '-v', '-t', '0')
    await other.ok('down', '-v', '-t', '0')
    await checkLeaks(engine)
    using state = openCopy(engine.config.paths.database)
    assert.equal(state.database.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok')
  })
}

for (const disk of DISKS) describe(disk.name, { skip: disk.absence ?? false }, () => checkDisk(disk))
