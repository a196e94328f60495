/**
 * Container output as JSON, one object a line, for programs: when, who, which stream, what. Expects lines that begin
 * with their time. Bytes that are no UTF-8 become U+FFFD, control characters are escaped.
 */
import type { LogEvent, LogSource } from '../../project/logs.ts'
import { lineEnd, stampAt, textStart } from '../../project/stamped-lines.ts'
import { write, type OutputStream } from '../io.ts'
import type { LogPrinter } from './log-printer.ts'

const CHUNK_CHARACTERS = 64 * 1024
const LINE_FEED = 10
const RETURN = 13

function describe({ service, containerName, number }: LogSource): string {
  return `"service":${JSON.stringify(service)},"container":${JSON.stringify(containerName)},"number":${number}`
}

export function createJsonLogPrinter(stdout: OutputStream): LogPrinter {
  const described = new Map<string, string>()
  let text = ''
  let timer: NodeJS.Immediate | undefined

  const of = (source: LogSource): string => {
    const known = described.get(source.containerId) ?? describe(source)
    described.set(source.containerId, known)
    return known
  }
  const send = (): Promise<void> | undefined => {
    if (timer !== undefined) clearImmediate(timer)
    timer = undefined
    if (text === '') return undefined
    const bytes = Buffer.from(text)
    text = ''
    const pending = write(stdout, bytes)
    return stdout.writableNeedDrain ? pending : undefined
  }
  const add = (line: string): void => {
    text += line
    timer ??= setImmediate(() => void send())
  }
  function addLines(from: string, stream: string, data: Buffer): void {
    for (let start = 0; start < data.length;) {
      const next = lineEnd(data, start)
      let end = data[next - 1] === LINE_FEED ? next - 1 : next
      if (data[end - 1] === RETURN) end -= 1
      const time = stampAt(data, start)
      const message = JSON.stringify(data.toString('utf8', textStart(data, start), end))
      add(`{${time === undefined ? '' : `"time":"${time}",`}${from},"stream":"${stream}","message":${message}}\n`)
      start = next
    }
  }
  return {
    print(event: LogEvent) {
      const from = of(event.source)
      if (event.kind === 'output') addLines(from, event.stream, event.data)
      if (event.kind === 'exited')
        add(`{${from},"event":"exited","exitCode":${event.exitCode},"restarting":${event.restarting}}\n`)
      return text.length >= CHUNK_CHARACTERS ? send() : undefined
    },
    async flush() {
      await send()
    },
  }
}
