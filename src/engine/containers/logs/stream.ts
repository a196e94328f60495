/**
 * A container's log as a stream: what is there, then (following) what comes, until the container has ended for good, is
 * removed, or the reader leaves; over rotations. Reading waits for the sink.
 */
import type { Writable } from 'node:stream'
import { InvalidRequestError, errnoOf } from '../../../errors.ts'
import type { LogOptions } from '../../services/index.ts'
import type { ContainersContext } from '../context.ts'
import { containerFolder } from '../folders.ts'
import { NEVER } from '../../../state/containers.ts'
import type { Container } from '../store.ts'
import { detailsText } from './attributes.ts'
import { openCursor, type LogCursor, type LogPosition, type LogStart } from './cursor.ts'
import { createFramer, type Framer } from './k8s-file.ts'
import { isReadable, logDriver } from './log-config.ts'
import { listLog } from './store.ts'

const CHUNK_BYTES = 128 * 1024
/** conmon's lines are at most 8 KiB and a stamp; more without an end of line is no log of conmon's. */
const MAX_LINE_BYTES = 64 * 1024
const LINE_END = Buffer.from('\n')
const POLL_MS = 1000

interface Output {
  readonly container: Container
  readonly cursor: LogCursor
  readonly framer: Framer
  readonly sink: Writable
  readonly signal: AbortSignal
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

/** The first half of a line whose rest never came: the disk was full, or conmon was killed. */
async function writeTorn({ framer, sink, signal }: Output, torn: Buffer): Promise<boolean> {
  const { output } = framer.push(Buffer.concat([torn, LINE_END]))
  return write(sink, output, signal)
}

/**
 * Everything up to the present end of the file, or to `end`. `isFinal`: nothing is added to it, so half a line at its
 * end is all there is of it. False: no more is wanted.
 */
async function pump(to: Output, isFinal: boolean, end: LogPosition | undefined): Promise<boolean> {
  const { cursor, framer, sink, signal } = to
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  while (!signal.aborted) {
    const left = end?.file === cursor.position.file ? end.offset - cursor.position.offset : CHUNK_BYTES
    const bytesRead = left <= 0 ? 0 : await cursor.read(left < CHUNK_BYTES ? buffer.subarray(0, left) : buffer)
    if (bytesRead === 0) return true
    const { output, consumed, isPast } = framer.push(buffer.subarray(0, bytesRead))
    if (!(await write(sink, output, signal)) || isPast) return false
    cursor.advance(consumed)
    if (consumed > 0) continue
    if (bytesRead < MAX_LINE_BYTES && !isFinal) return true // half a line: the rest is still to come
    if (!(await writeTorn(to, buffer.subarray(0, bytesRead)))) return false
    cursor.advance(bytesRead)
  }
  return false
}

/** As `pump`, over all files. A file is read once more after it is known that nothing is added to it. */
async function pumpAll(to: Output, end?: LogPosition): Promise<boolean> {
  for (;;) {
    const hasEnded = to.container.run === undefined
    const isClosed = await to.cursor.isClosed()
    if (!(await pump(to, isClosed || hasEnded, end))) return false
    if (!isClosed || (end !== undefined && to.cursor.position.file >= end.file)) return true
    if (!(await to.cursor.moveOn())) return true
  }
}

/** Whether the run that is (or comes) has ended. It may have, though the container runs again by now. */
function watchExit(container: Container): () => boolean {
  let exited = container.run === undefined && container.document.state.startedAt !== NEVER
  void container.nextExit.promise.then(() => {
    exited = true
  })
  return () => exited
}

/** Resolves at the next change of the log's folder, the end of the run, or after a second at the latest. */
async function nextChange(
  changed: Promise<void>,
  { container, timeoutMs }: { readonly container: Container; readonly timeoutMs: number },
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, Math.min(POLL_MS, timeoutMs))
  const done = (): void => resolve()
  signal.addEventListener('abort', done, { once: true })
  try {
    await Promise.race([promise, changed, container.nextExit.promise, container.removed.promise])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', done)
  }
}

async function follow(
  context: ContainersContext,
  container: Container,
  to: Output,
  { isOver, untilMs }: { readonly isOver: () => boolean; readonly untilMs: number | undefined },
): Promise<void> {
  const { host, config } = context
  const { signal } = to
  let changed = Promise.withResolvers<void>()
  const watcher = host.files.watch(containerFolder(config, container.id).folder, () => changed.resolve())
  watcher.on('error', () => {}) // the folder goes with the container
  try {
    while (!signal.aborted) {
      // before the read: what is written by then is read, also of a container that goes as soon as it has ended
      const leftMs = untilMs === undefined ? Number.POSITIVE_INFINITY : untilMs - host.clock.nowMs()
      const isLast = isOver() || container.isRemoving || leftMs <= 0
      changed = Promise.withResolvers()
      if (!(await pumpAll(to)) || isLast) return
      await nextChange(changed.promise, { container, timeoutMs: leftMs }, signal)
    }
  } finally {
    watcher.close()
  }
}

function startOf({ tail, sinceMs }: LogOptions): LogStart {
  if (tail !== undefined) return { kind: 'tail', count: tail }
  return sinceMs === undefined ? { kind: 'beginning' } : { kind: 'since', sinceMs }
}

/** Where the log ends now: a container that writes faster than we read must not keep us for ever. */
async function endOf({ host }: ContainersContext, logPath: string): Promise<LogPosition> {
  const last = (await listLog(host.files, logPath)).at(-1)
  return { file: last?.number ?? 0, offset: last?.sizeBytes ?? 0 }
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
  if (!isReadable(hostConfig.LogConfig))
    throw new InvalidRequestError(
      `configured logging driver does not support reading: the log of container "${container.document.name}" is not kept (logging driver "${logDriver(hostConfig.LogConfig?.Type)}")`,
      { code: 'NO_LOGS' },
    )
  const details = options.details === true ? detailsText(container.document) : undefined
  const framer = createFramer({ ...options, details, raw: config.Tty ?? false })
  const logPath = containerFolder(context.config, container.id).log
  const isOver = options.untilExit === true ? watchExit(container) : () => false
  const end = options.follow ? undefined : await endOf(context, logPath)
  await using cursor = await openCursor(context.host.files, logPath, startOf(options))
  const to = { container, cursor, framer, sink, signal: AbortSignal.any([signal, context.closing.signal]) }
  try {
    await (end === undefined ? follow(context, container, to, { isOver, untilMs: options.untilMs }) : pumpAll(to, end))
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || !container.isRemoving) throw error
  }
}
