/**
 * Copies a container's log to journald or syslog while it is written, and to its end. The place that is reached is kept
 * in a file beside the log: an engine that is killed and started again goes on there (what was sent in the moment
 * before the kill may be sent twice, nothing is left out). While the receiver is away the log waits in the store.
 */
import type { EngineBase } from '../../context.ts'
import type { ContainerFolder } from '../folders.ts'
import type { Container } from '../store.ts'
import { openCursor, type LogCursor, type LogPosition } from './cursor.ts'
import { createEntryReader, type EntryReader, type LogEntry } from './entries.ts'
import { createJournaldFormat } from './journald.ts'
import type { LogTarget } from './log-config.ts'
import { createSyslogFormat } from './syslog.ts'
import { openTransport, type LogTransport } from './transport.ts'

export type ShippedTarget = Extract<LogTarget, { kind: 'journald' | 'syslog' }>

export interface Shipment {
  /** Nothing more is written, or (false) it is written again. */
  setEnded(isEnded: boolean): void
  /** All is sent: the next run needs another one. */
  readonly isDone: boolean
  /** Files before this one are sent. */
  readonly sentFile: number
  /** Resolves when all is sent after the end, or it was stopped. */
  readonly finished: Promise<void>
  stop(): void
}

const CHUNK_BYTES = 256 * 1024
const IDLE_MS = 50
const MAX_IDLE_MS = 500
const MAX_RETRY_MS = 30_000
const POSITION_BYTES = 32
const LINE_END = Buffer.from('\n')
/** man 2 open */
const O_RDWR = 2
const O_CREAT = 0o100

export const sentPath = (logPath: string): string => `${logPath}-sent`

/** PURE. Anything else than what we write is the beginning. */
export function parsePosition(text: string | undefined): LogPosition {
  const match = /^(\d{1,12}) (\d{1,15})\s*$/.exec(text ?? '')
  return match === null ? { file: 0, offset: 0 } : { file: Number(match[1]), offset: Number(match[2]) }
}

/** Of one length, so that one write replaces it. */
function formatPosition({ file, offset }: LogPosition): string {
  return `${file} ${offset}`.padEnd(POSITION_BYTES - 1) + '\n'
}

interface Parts {
  readonly base: EngineBase
  readonly container: Container
  readonly target: ShippedTarget
  readonly signal: AbortSignal
}

function formatOf({ base, container, target }: Parts): (entry: LogEntry) => Buffer {
  if (target.kind === 'journald') return createJournaldFormat(container.document)
  const hostname = base.host.files.readTextSync('/proc/sys/kernel/hostname')?.trim() ?? 'localhost'
  return createSyslogFormat(container.document, target.syslog, { hostname, pid: process.pid })
}

/** Sends until it is taken: a receiver that is away is tried again, ever more slowly, and told of once. */
function createSender(parts: Parts): { send(entries: readonly LogEntry[]): Promise<void>; close(): void } {
  const { base, container, target, signal } = parts
  const format = formatOf(parts)
  let transport: LogTransport | undefined
  let failures = 0

  async function retryLater(error: unknown): Promise<void> {
    transport?.close()
    transport = undefined
    if (failures === 0)
      base.log('warn', `cannot reach ${target.kind}: the log of a container waits`, {
        container: container.id,
        error: error instanceof Error ? error.message : String(error),
      })
    failures += 1
    await base.host.clock.sleep(Math.min(MAX_RETRY_MS, 100 * 2 ** Math.min(failures, 10)), signal)
  }

  async function sendOne(message: Buffer): Promise<void> {
    for (;;) {
      signal.throwIfAborted()
      try {
        transport ??= await openTransport(base.host, target)
        await transport.send(message)
        if (failures > 0) base.log('info', `${target.kind} is back`, { container: container.id })
        failures = 0
        return
      } catch (error) {
        signal.throwIfAborted()
        await retryLater(error)
      }
    }
  }

  return {
    async send(entries) {
      for (const entry of entries) await sendOne(format(entry))
    },
    close: () => transport?.close(),
  }
}

/** Runs until the log has ended and all of it is sent, or the signal fires (then it throws). */
async function shipAll(
  parts: Parts,
  folder: ContainerFolder,
  state: { isEnded: boolean; isDone: boolean; sentFile: number },
): Promise<void> {
  const { host } = parts.base
  const { signal } = parts
  const start = parsePosition(host.files.readTextSync(sentPath(folder.log)))
  await using cursor: LogCursor = await openCursor(host.files, folder.log, { kind: 'position', position: start })
  const sender = createSender(parts)
  using cleanup = new DisposableStack()
  cleanup.defer(() => sender.close())
  await using place = await host.files.open(sentPath(folder.log), O_RDWR | O_CREAT, 0o600)
  const reader: EntryReader = createEntryReader()
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  let idleMs = IDLE_MS

  /** Between the parts of a line the place stays before them. */
  async function keepPlace(): Promise<void> {
    state.sentFile = cursor.position.file
    if (reader.isPending) return
    await place.write(formatPosition(cursor.position), 0)
  }

  async function readToEnd(): Promise<boolean> {
    let isSome = false
    for (;;) {
      signal.throwIfAborted()
      const bytesRead = await cursor.read(buffer)
      const { entries, consumed } = reader.push(buffer.subarray(0, bytesRead))
      if (consumed === 0 && bytesRead < CHUNK_BYTES) return isSome
      await sender.send(entries)
      cursor.advance(consumed === 0 ? bytesRead : consumed)
      await keepPlace()
      isSome = true
    }
  }

  /** A last line that has no end, and gets none. */
  async function readTorn(): Promise<readonly LogEntry[]> {
    const bytesRead = await cursor.read(buffer)
    const torn = buffer.subarray(0, bytesRead)
    if (bytesRead === 0 || torn.includes(LINE_END)) return []
    cursor.advance(bytesRead)
    return reader.push(Buffer.concat([torn, LINE_END])).entries
  }

  for (;;) {
    const isLast = state.isEnded
    const isClosed = await cursor.isClosed()
    const isSome = await readToEnd()
    if (isClosed && (await cursor.moveOn())) continue
    if (isLast) {
      await sender.send(await readTorn())
      await sender.send(reader.end())
      await keepPlace()
      if (state.isEnded) break // it has not been started again meanwhile
    }
    idleMs = isSome ? IDLE_MS : Math.min(MAX_IDLE_MS, idleMs * 2)
    await host.clock.sleep(idleMs, signal)
  }
  state.isDone = true
}

export function startShipment(
  base: EngineBase,
  container: Container,
  { target, folder }: { readonly target: ShippedTarget; readonly folder: ContainerFolder },
): Shipment {
  const stopping = new AbortController()
  const state = { isEnded: false, isDone: false, sentFile: 0 }
  const finished = shipAll({ base, container, target, signal: stopping.signal }, folder, state).catch(
    (error: unknown) => {
      if (!stopping.signal.aborted)
        base.log('error', `cannot send a log to ${target.kind}`, { container: container.id, error: String(error) })
    },
  )
  return {
    finished,
    setEnded(isEnded) {
      state.isEnded = isEnded
    },
    get isDone() {
      return state.isDone
    },
    get sentFile() {
      return state.sentFile
    },
    stop: () => stopping.abort(),
  }
}
