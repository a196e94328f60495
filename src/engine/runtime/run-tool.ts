/** A runtime's verb to its end, started in the surroundings that the runtime needs. */
import type { Readable } from 'node:stream'
import { errnoOf } from '../../errors.ts'
import type { Host } from '../../host/host.ts'
import type { OciRuntime } from './runtime.ts'

const MAX_TEXT_BYTES = 64 * 1024

/** The stream's text, of which no more than 64 KiB is kept. */
export function collectText(stream: Readable | null): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  stream?.on('data', (chunk: Buffer) => {
    if (size < MAX_TEXT_BYTES) chunks.push(chunk)
    size += chunk.length
  })
  return new Promise((resolve) => {
    const finish = (): void => resolve(Buffer.concat(chunks).toString('utf8'))
    if (stream === null) finish()
    else stream.once('close', finish)
  })
}

export async function runTool(
  spawn: OciRuntime['spawn'],
  argv: readonly string[],
): Promise<{ readonly exitCode: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(argv, { stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' })
  const [{ exitCode }, stdout, stderr] = await Promise.all([
    child.exited,
    collectText(child.stdout),
    collectText(child.stderr),
  ])
  return { exitCode, stdout, stderr }
}

/** The state folder of a runtime that has no containers. */
export async function removeEmptyFolder(host: Host, folder: string): Promise<void> {
  try {
    await host.files.rmdir(folder)
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(errnoOf(error) ?? '')) throw error
  }
}
