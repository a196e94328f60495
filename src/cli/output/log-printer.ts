/**
 * Container output with prefixes: `web-1  | text`. Works on buffers and in large writes, because a million lines must
 * pass in seconds; waits for slow readers. Form, widths and colours are docker compose's.
 */
import type { LogEvent, LogSource } from '../../project/logs.ts'
import { write, type OutputStream } from '../io.ts'
import { stripControls } from './controls.ts'
import type { Paint, Style } from './style.ts'

const CHUNK_BYTES = 128 * 1024
const LINE_FEED = 10
const LINE_END = Buffer.from('\n')
const NOTHING = Buffer.alloc(0)

export interface LogPrinterOptions {
  readonly stdout: OutputStream
  /** Where the error output of containers goes: `up` keeps it apart, `logs` joins it to the other. */
  readonly stderr: OutputStream
  readonly style: Style
  /** False: lines as they are. */
  readonly prefix: boolean
}

export interface LogPrinter {
  /** The promise (if any) resolves when the reader wants more. */
  print(event: LogEvent): Promise<void> | undefined
  /** Writes what is still held back. */
  flush(): Promise<void>
}

/** Collects small pieces and writes them together: when full, or when the event loop comes round. */
interface Batch {
  add(prefix: Buffer, data: Buffer): Promise<void> | undefined
  flush(): Promise<void> | undefined
}

function createBatch(stream: OutputStream): Batch {
  let buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  let used = 0
  let timer: NodeJS.Immediate | undefined
  let slow: Promise<void> | undefined

  const put = (bytes: Buffer): void => {
    if (bytes.length > CHUNK_BYTES) {
      empty()
      send(bytes)
      return
    }
    if (used + bytes.length > CHUNK_BYTES) empty()
    used += bytes.copy(buffer, used)
  }
  const empty = (): void => {
    if (used === 0) return
    const full = buffer.subarray(0, used)
    buffer = Buffer.allocUnsafe(CHUNK_BYTES)
    used = 0
    send(full)
  }
  const send = (bytes: Buffer): void => {
    const pending = write(stream, bytes)
    if (!stream.writableNeedDrain) return
    const waiting = pending.then(() => {
      if (slow === waiting) slow = undefined
    })
    slow = waiting
  }
  const flush = (): Promise<void> | undefined => {
    if (timer !== undefined) clearImmediate(timer)
    timer = undefined
    empty()
    return slow
  }
  return {
    flush,
    add(prefix, data) {
      let start = 0
      while (start < data.length) {
        const found = data.indexOf(LINE_FEED, start)
        const end = found < 0 ? data.length : found + 1
        if (prefix.length > 0) put(prefix)
        put(data.subarray(start, end))
        // a line that the container has not finished must not run into the next one's prefix
        if (found < 0 && prefix.length > 0) put(LINE_END)
        start = end
      }
      timer ??= setImmediate(() => void flush())
      return slow
    },
  }
}

export function createLogPrinter({ stdout, stderr, style, prefix }: LogPrinterOptions): LogPrinter {
  const paints = new Map<string, Paint>()
  const prefixes = new Map<string, Buffer>()
  const batches = { stdout: createBatch(stdout), stderr: stdout === stderr ? undefined : createBatch(stderr) }
  let width = 0
  let last: 'stdout' | 'stderr' = 'stdout'

  const join = ({ shortName }: LogSource): void => {
    if (paints.has(shortName)) return
    paints.set(shortName, style.palette[paints.size % style.palette.length] ?? String)
    if (shortName.length + 1 <= width) return
    width = shortName.length + 1
    prefixes.clear()
  }
  const prefixOf = (source: LogSource): Buffer => {
    if (!prefix) return NOTHING
    const known = prefixes.get(source.shortName)
    if (known !== undefined) return known
    join(source)
    const made = Buffer.from(
      (paints.get(source.shortName) ?? String)(`${stripControls(source.shortName).padEnd(width)} | `),
    )
    prefixes.set(source.shortName, made)
    return made
  }
  const exitLine = ({ source, exitCode, restarting }: Extract<LogEvent, { kind: 'exited' }>): Buffer => {
    const text = `${stripControls(source.shortName)} exited with code ${exitCode}${restarting ? ' (restarting)' : ''}`
    return Buffer.from(`${(paints.get(source.shortName) ?? String)(text)}\n`)
  }
  const batchOf = (stream: 'stdout' | 'stderr'): Batch => {
    if (batches.stderr === undefined) return batches.stdout
    // both may end on one terminal: what was said first is shown first
    if (stream !== last) void batches[last]?.flush()
    last = stream
    return batches[stream] ?? batches.stdout
  }
  return {
    print(event) {
      const { source } = event
      if (event.kind === 'output') return batchOf(event.stream).add(prefixOf(source), event.data)
      join(source)
      return event.kind === 'exited' ? batchOf('stdout').add(NOTHING, exitLine(event)) : undefined
    },
    async flush() {
      await batches.stdout.flush()
      await batches.stderr?.flush()
    },
  }
}
