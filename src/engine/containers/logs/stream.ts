/**
 * A container's log as a stream: what is there, then (following) what comes, until the container has ended for good, is
 * removed, or the reader leaves. Reading waits for the sink.
 */
import type { Writable } from 'node:stream'
import type { FileHandle } from '../../../host/host.ts'
import { InvalidRequestError, errnoOf } from '../../../errors.ts'
import type { LogOptions } from '../../services.ts'
import type { ContainersContext } from '../context.ts'
import { containerFolder } from '../folders.ts'
import { NEVER } from '../../../state/containers.ts'
import type { Container } from '../store.ts'
import { createFramer, type Framer } from './k8s-file.ts'
import { tailOffset } from './tail.ts'

const CHUNK_BYTES = 512 * 1024
/** conmon's lines are at most 8 KiB and a stamp; more without an end of line is no log of conmon's. */
const MAX_LINE_BYTES = 64 * 1024
const POLL_MS = 1000

interface Reader {
  file: FileHandle
  offset: number
}

async function openLog(context: ContainersContext, path: string): Promise<FileHandle | undefined> {
  try {
    return await context.host.files.open(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** False when the sink was closed. */
async function write(sink: Writable, output: Buffer, signal: AbortSignal): Promise<boolean> {
  if (sink.destroyed || sink.writableEnded) return false
  if (output.length === 0 || sink.write(output)) return true
  const { promise, resolve } = Promise.withResolvers<void>()
  const done = (): void => resolve()
  sink.once('drain', done)
  sink.once('close', done)
  signal.addEventListener('abort', done, { once: true })
  await promise
  sink.off('drain', done)
  sink.off('close', done)
  signal.removeEventListener('abort', done)
  return !sink.destroyed && !signal.aborted
}

/** Everything up to the present end of the file. False: no more is wanted. */
async function pump(reader: Reader, framer: Framer, sink: Writable, signal: AbortSignal): Promise<boolean> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  while (!signal.aborted) {
    const { bytesRead } = await reader.file.read(buffer, 0, CHUNK_BYTES, reader.offset)
    if (bytesRead === 0) return true
    const { output, consumed, isPast } = framer.push(buffer.subarray(0, bytesRead))
    if (!(await write(sink, output, signal)) || isPast) return false
    if (consumed === 0) {
      if (bytesRead < MAX_LINE_BYTES) return true // half a line: the rest is still to come
      reader.offset += bytesRead
    }
    reader.offset += consumed
  }
  return false
}

/** Whether the run that is (or comes) has ended. It may have, though the container runs again by now. */
function watchExit(container: Container): () => boolean {
  let exited = container.run === undefined && container.document.state.startedAt !== NEVER
  void container.nextExit.promise.then(() => {
    exited = true
  })
  return () => exited
}

/** Resolves at the next change of the log's folder, the end of the run, or after a second. */
async function nextChange(changed: Promise<void>, container: Container, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, POLL_MS)
  const done = (): void => resolve()
  signal.addEventListener('abort', done, { once: true })
  try {
    await Promise.race([promise, changed, container.nextExit.promise, container.removed.promise])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', done)
  }
}

/** conmon starts a new file at the size limit: whoever follows goes on with that one. */
async function isReplaced(context: ContainersContext, path: string, file: FileHandle): Promise<boolean> {
  try {
    return (await context.host.files.stat(path)).ino !== (await file.stat()).ino
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

async function follow(
  context: ContainersContext,
  container: Container,
  source: {
    readonly path: string
    readonly reader: Reader | undefined
    readonly framer: Framer
    readonly isOver: () => boolean
  },
  sink: Writable,
  signal: AbortSignal,
): Promise<void> {
  const { path, framer, isOver } = source
  let { reader } = source
  let changed = Promise.withResolvers<void>()
  const watcher = context.host.files.watch(containerFolder(context.config, container.id).folder, () =>
    changed.resolve(),
  )
  watcher.on('error', () => {}) // the folder goes with the container
  try {
    while (!signal.aborted) {
      // before the read: what is written by then is read, also of a container that goes as soon as it has ended
      const isLast = isOver() || container.isRemoving
      changed = Promise.withResolvers()
      const file = reader === undefined ? await openLog(context, path) : undefined
      if (file !== undefined) reader = { file, offset: 0 }
      if (reader !== undefined && !(await pump(reader, framer, sink, signal))) return
      if (reader !== undefined && (await isReplaced(context, path, reader.file))) {
        await reader.file.close()
        reader = undefined
        continue
      }
      if (isLast) return
      await nextChange(changed.promise, container, signal)
    }
  } finally {
    watcher.close()
    await reader?.file.close()
  }
}

/** Does not end the sink. Throws InvalidRequestError when neither stream is asked for. */
export async function streamLogs(
  context: ContainersContext,
  container: Container,
  options: LogOptions,
  sink: Writable,
  signal: AbortSignal,
): Promise<void> {
  if (!options.stdout && !options.stderr)
    throw new InvalidRequestError('Bad parameters: you must choose at least one stream')
  const { config, hostConfig } = container.document
  if (hostConfig.LogConfig?.Type === 'none')
    throw new InvalidRequestError('configured logging driver does not support reading', { code: 'NO_LOGS' })
  const framer = createFramer({ ...options, raw: config.Tty ?? false })
  const path = containerFolder(context.config, container.id).log
  const ending = AbortSignal.any([signal, context.closing.signal])
  const file = await openLog(context, path)
  let reader: Reader | undefined
  if (file !== undefined) {
    const { size } = await file.stat()
    reader = { file, offset: options.tail === undefined ? 0 : await tailOffset(file, size, options.tail) }
  }
  if (options.follow) {
    const isOver = options.untilExit === true ? watchExit(container) : () => false
    return follow(context, container, { path, reader, framer, isOver }, sink, ending)
  }
  if (reader === undefined) return
  try {
    await pump(reader, framer, sink, ending)
  } finally {
    await reader.file.close()
  }
}
