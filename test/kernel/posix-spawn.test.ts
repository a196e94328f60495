/** Children started by posix_spawn: what they inherit, what comes back, and that none stays a zombie. */
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { loadLibc } from '../../src/host/libc.ts'
import type { SpawnOptions, Spawned } from '../../src/host/host.ts'
import { createPosixSpawn, endingOf } from '../../src/host/posix-spawn.ts'

const posixSpawn = createPosixSpawn(loadLibc())
const ENV = { PATH: '/usr/bin:/bin', ONLY: 'this one' }

function sh(script: string, options: SpawnOptions = {}): Spawned {
  const child = posixSpawn(['/bin/sh', '-c', script], { env: ENV, cwd: process.cwd(), ...options })
  assert.ok(child !== undefined)
  return child
}

function textOf(stream: Readable | null | undefined): Promise<string> {
  assert.ok(stream)
  return text(stream)
}

const outputOf = (child: Spawned): Promise<string> => textOf(child.stdout)

const O_CLOEXEC = 0o2000000
function isClosedOnExec(fd: string): boolean {
  try {
    const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0'
    return (Number.parseInt(flags, 8) & O_CLOEXEC) !== 0
  } catch {
    return true // the folder that was being read
  }
}

test('exit codes and signals', async () => {
  assert.deepEqual(await sh('exit 42').exited, { exitCode: 42, signal: null })
  const child = sh('sleep 60', { stdio: ['ignore', 'ignore', 'ignore'] })
  child.kill('SIGKILL')
  assert.deepEqual(await child.exited, { exitCode: null, signal: 'SIGKILL' })
  child.kill('SIGKILL') // gone: the number may be another's by now
  assert.deepEqual(endingOf(0x8b), { exitCode: null, signal: 'SIGSEGV' })
})

test('the environment is the one given; pipes carry all three streams and more', async () => {
  const child = sh('echo "$ONLY,$HOME"; cat >&2; echo third >&3', { stdio: ['pipe', 'pipe', 'pipe', 'pipe'] })
  child.stdin?.end('through')
  const [out, err, third] = await Promise.all([outputOf(child), textOf(child.stderr), textOf(child.extra[0])])
  assert.deepEqual([out, err, third], ['this one,\n', 'through', 'third\n'])
  assert.equal((await child.exited).exitCode, 0)
})

test('no descriptor, ignored signal or mask is inherited; a session of its own when asked for', async () => {
  // what this test itself was started with and passes on, such as a runner's pipe
  const own = readdirSync('/proc/self/fd')
  const inherited = new Set(own.filter((fd) => Number(fd) > 2 && !isClosedOnExec(fd)))
  const child = sh('ls /proc/self/fd; grep -E "^Sig(Blk|Ign)" /proc/self/status', {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const lines = (await outputOf(child)).split('\n')
  const descriptors = lines.filter((line) => /^\d+$/.test(line) && !inherited.has(line))
  assert.equal(descriptors.length, 4, `0, 1, 2 and the folder that ls reads: ${descriptors.join(' ')}`)
  assert.match(lines.join(' '), /SigBlk:\t0+ SigIgn:\t0+ $/)
  for (const detached of [true, false]) {
    const session = sh('cut -d" " -f6 /proc/self/stat', { detached, stdio: ['ignore', 'pipe', 'ignore'] })
    assert.equal(Number(await outputOf(session)) === session.pid, detached)
  }
})

test('a hundred at once end, each with its own code, and leave no zombie and no descriptor', async () => {
  await sh('exit 0').exited
  const before = readdirSync('/proc/self/fd').length
  const children = Array.from({ length: 100 }, (_, index) => sh(`exit ${index}`))
  const endings = await Promise.all(children.map((child) => child.exited))
  assert.deepEqual(
    endings.map(({ exitCode }) => exitCode),
    children.map((_, index) => index),
  )
  assert.equal(readdirSync('/proc/self/fd').length, before)
  const tasks = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').map(Number)
  assert.deepEqual(
    tasks.filter((pid) => children.some((child) => child.pid === pid)),
    [],
  )
})

test('what is not there is an error; what is not for it is left to others', () => {
  const before = readdirSync('/proc/self/fd').length
  assert.throws(() => posixSpawn(['/no/such/program'], { env: ENV, cwd: process.cwd() }), {
    name: 'ToolError',
    message: 'cannot run /no/such/program: ENOENT',
  })
  assert.equal(readdirSync('/proc/self/fd').length, before)
  assert.equal(posixSpawn(['true'], { env: ENV, cwd: process.cwd() }), undefined)
  assert.equal(posixSpawn(['/bin/true'], { env: ENV, cwd: '/proc' }), undefined)
  assert.equal(posixSpawn(['/bin/true'], { env: ENV, cwd: process.cwd(), stdio: ['ignore', 2] }), undefined)
})
