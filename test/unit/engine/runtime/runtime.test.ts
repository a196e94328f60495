import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conmonArgv } from '../../../../src/engine/runtime/conmon.ts'
import { exitCodeOfStartError, startError } from '../../../../src/engine/runtime/runtime-error.ts'
import type { OciRuntime } from '../../../../src/engine/runtime/runtime.ts'

const TEXTS: [string, number][] = [
  ['executable file `nope` not found in $PATH: No such file or directory', 127],
  ['exec: "nope": executable file not found in $PATH', 127],
  ['open executable: Permission denied', 126],
  ['open executable: Operation not permitted', 126],
  ['exec /x: exec format error', 126],
  ['write to sync socket: Broken pipe', 128],
]
for (const [text, want] of TEXTS) test(`${want}: ${text}`, () => assert.equal(exitCodeOfStartError(text), want))

test('the text that clients look for', () => {
  const error = startError('nope', 'executable file `nope` not found in $PATH\u001B[31m\n')
  assert.match(error.message, /unable to start container process: exec: "nope": executable file not found in \$PATH$/)
  assert.equal(error.exitCode, 127)
  assert.equal(error.code, 'PROGRAM_NOT_FOUND')
  // docker/cli compares with Go's syscall.EACCES.Error(), and takes all else for 125
  assert.match(startError('/etc/hosts', 'open executable: Permission denied').message, /: permission denied$/)
  assert.match(startError('x', 'chdir `/y`: No such file or directory').message, /: no such file or directory$/)
  assert.equal(startError('x', 'mount failed').exitCode, 125)
})

test('the hint is about what failed: the program, or a mount', () => {
  assert.match(startError('sh', 'executable file `sh` not found in $PATH').hint ?? '', /^is "sh" in the image/)
  assert.match(startError('sh', 'open executable: Permission denied').hint ?? '', /^is "sh" executable/)
  const mount = startError('sh', 'mount `/usr/share/x` to `usr/share/y`: No such file or directory')
  assert.match(mount.hint ?? '', /^see volumes of the service/)
  assert.match(mount.message, /mount `\/usr\/share\/x` to/)
  assert.equal(mount.exitCode, 127)
})

test('control characters of an image never reach a terminal', () => {
  assert.doesNotMatch(startError('x', 'bad\u001B]0;title\u0007').message, /\p{Cc}/u)
})

test('conmon gets the runtime with its state folder, and no log when there is none', () => {
  const runtime = { path: '/usr/bin/crun', globalArgs: ['--root', '/run/x'] } as unknown as OciRuntime
  const request = {
    containerId: 'abc',
    bundle: '/b',
    logPath: undefined,
    exitFolder: '/e',
    containerPidFile: '/p',
    conmonPidFile: '/c',
    terminal: true,
    stdin: 'none' as const,
  }
  const argv = conmonArgv('/usr/bin/conmon', runtime, request)
  assert.deepEqual(argv.slice(0, 1), ['/usr/bin/conmon'])
  assert.ok(argv.join(' ').includes('--runtime /usr/bin/crun --runtime-arg --root --runtime-arg /run/x'))
  assert.ok(argv.includes('null:') && argv.includes('--terminal') && !argv.includes('--stdin'))
  const logged = conmonArgv('/c', runtime, { ...request, logPath: '/l' }).join(' ')
  assert.ok(logged.includes('--log-path k8s-file:/l') && !logged.includes('--log-size-max'))
  assert.ok(
    conmonArgv('/c', runtime, { ...request, stdin: 'once' })
      .join(' ')
      .endsWith('--stdin'),
  )
  assert.ok(
    conmonArgv('/c', runtime, { ...request, stdin: 'open' })
      .join(' ')
      .endsWith('--stdin --leave-stdin-open'),
  )
})
