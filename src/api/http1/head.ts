/**
 * Heads of HTTP/1.1 messages, read and written; the half that client and server share. Own code and not node:http,
 * because node:http costs 30 ms of every command's start and 15 MiB of the engine, and because a connection must be
 * able to turn into a raw stream (hijack) at any request. Source: RFC 9112. PURE.
 */
import { InvalidRequestError } from '../../errors.ts'

/** Beyond it a head is refused (431); Docker's clients need well under 4 KiB. */
export const MAX_HEAD_BYTES: number = 64 * 1024

/** Field names in lower case. Repeated fields are joined by ", ". */
export type Headers = ReadonlyMap<string, string>

export interface Head {
  readonly startLine: string
  readonly headers: Headers
}

const HEAD_END = Buffer.from('\r\n\r\n')

/** Index just past the blank line that ends the head, or -1 while it has not arrived. */
export function headEnd(bytes: Buffer): number {
  const index = bytes.indexOf(HEAD_END)
  return index < 0 ? -1 : index + 4
}

/** `text`: the head with or without its blank line. Throws InvalidRequestError for a malformed one. */
export function parseHead(text: string): Head {
  const lines = text.trimEnd().split('\r\n')
  const headers = new Map<string, string>()
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    // blanks around names and folded lines are how request smuggling starts: RFC 9112 sections 5.1 and 5.2 let us refuse
    if (colon <= 0 || !/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name))
      throw new InvalidRequestError('malformed HTTP header line')
    const value = line.slice(colon + 1).trim()
    const before = headers.get(name)
    headers.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return { startLine: lines[0] ?? '', headers }
}

/** The text of a head. A line break in a value (a name in a path, say) must never split the message: it is refused. */
export function formatHead(startLine: string, headers: Readonly<Record<string, string | number>>): string {
  let text = startLine
  let breaks = /[\r\n]/.test(startLine)
  for (const [name, value] of Object.entries(headers)) {
    breaks ||= typeof value === 'string' && /[\r\n]/.test(value)
    text += `\r\n${name}: ${value}`
  }
  if (breaks) throw new InvalidRequestError('line break in an HTTP head')
  return `${text}\r\n\r\n`
}

/** True when the comma-separated field lists `token` ("keep-alive, Upgrade" has "upgrade"). */
export function hasToken(headers: Headers, name: string, token: string): boolean {
  const value = headers.get(name)
  return value !== undefined && value.split(',').some((part) => part.trim().toLowerCase() === token)
}
