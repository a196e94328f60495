/** Tars of commands: read from a file of ours, written to one or to standard output, whole or not at all. */
import { dirname, basename, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { MycomposeError, NotFoundError, UsageError, errnoOf } from '../errors.ts'
import { write } from './io.ts'
import type { Session } from './session.ts'

/** Throws NO_SUCH_FILE, UNREADABLE_FILE. */
export async function openFile({ io }: Session, path: string): Promise<Readable> {
  try {
    return (await io.host.files.open(resolve(io.cwd, path))).createReadStream({ highWaterMark: 2 ** 20 })
  } catch (error) {
    if (errnoOf(error) === 'ENOENT')
      throw new NotFoundError(`no such file: ${path}`, { code: 'NO_SUCH_FILE', cause: error })
    throw new MycomposeError(`cannot read ${path}: ${errnoOf(error)}`, { code: 'UNREADABLE_FILE', cause: error })
  }
}

/** A file appears under its name when all of it is there. Throws UsageError for a terminal. */
export async function writeOut(
  { io, signal }: Session,
  output: string | undefined,
  bytes: AsyncIterable<Buffer>,
): Promise<void> {
  if (output === undefined) {
    if (io.stdout.isTTY === true)
      throw new UsageError('a tar is not written to a terminal', {
        hint: 'give a file with -o, or redirect the output',
      })
    for await (const chunk of bytes) await write(io.stdout, chunk)
    return signal.throwIfAborted()
  }
  const path = resolve(io.cwd, output)
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`)
  const { files } = io.host
  try {
    const file = await files.open(temporary, 'wx', 0o600)
    try {
      for await (const chunk of bytes) await file.write(chunk)
    } finally {
      await file.close()
    }
    signal.throwIfAborted()
    await files.rename(temporary, path)
  } catch (error) {
    await files.rm(temporary, { force: true })
    const errno = errnoOf(error)
    if (errno === undefined) throw error
    throw new MycomposeError(`cannot write ${output}: ${errno}`, { code: 'UNWRITABLE_FILE', cause: error })
  }
}
