/**
 * bzip2 and xz by the machine's own programs, with a clean environment and a limit on memory: never by a program of an image
 * (CVE-2019-14271). Source: man 1 xz, bzip2.
 */
import { pipeline, type Readable } from 'node:stream'
import { tarError } from './tar-entry.ts'
import type { ToolDecompressor } from './decompress.ts'
import { UnsupportedError } from '../../errors.ts'
import type { Exec } from '../../host/host.ts'

const ARGV = {
  xz: ['xz', '--decompress', '--stdout', '--memlimit-decompress=256MiB'],
  bzip2: ['bzip2', '--decompress', '--stdout'],
} as const
const PACKAGES = { xz: 'xz-utils', bzip2: 'bzip2' } as const
const TAIL = 400

function notThere(program: 'bzip2' | 'xz', cause: unknown): UnsupportedError {
  return new UnsupportedError(`the archive is compressed with ${program}, and this machine has no ${program}`, {
    hint: `install it: apt-get install ${PACKAGES[program]}`,
    cause,
  })
}

async function* plainBytes(
  exec: Pick<Exec, 'spawn'>,
  program: 'bzip2' | 'xz',
  packed: Readable,
): AsyncGenerator<Buffer> {
  let child: ReturnType<Exec['spawn']>
  try {
    child = exec.spawn(ARGV[program])
  } catch (cause) {
    packed.destroy()
    throw notThere(program, cause)
  }
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-TAIL)))
  // it may end before all is read (damaged data): its exit code tells
  if (child.stdin !== null) pipeline(packed, child.stdin, () => {})
  let isDone = false
  try {
    if (child.stdout !== null) for await (const chunk of child.stdout) yield chunk as Buffer
    isDone = true
  } finally {
    if (!isDone) child.kill('SIGKILL')
    packed.destroy()
  }
  const { exitCode } = await child.exited.catch((cause: unknown) => {
    throw notThere(program, cause)
  })
  if (exitCode !== 0)
    throw tarError(`its compressed data is damaged (${said.trim() || program})`, 'make the file again')
}

export function createToolDecompressor(exec: Pick<Exec, 'spawn'>): ToolDecompressor {
  return (program, packed) => plainBytes(exec, program, packed)
}
