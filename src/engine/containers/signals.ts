/** PURE: signal names and numbers as the API takes them: "SIGTERM", "term", "15", "RTMIN+3". Source: man 7 signal. */
import { constants } from 'node:os'
import { InvalidRequestError } from '../../errors.ts'

const RTMIN = 34
const RTMAX = 64
const NUMBERS: ReadonlyMap<string, number> = new Map(Object.entries(constants.signals))

export const SIGTERM = 15
export const SIGKILL = 9

/** Throws InvalidRequestError. */
export function parseSignal(text: string): number {
  if (/^\d+$/.test(text)) {
    const number = Number(text)
    if (number >= 1 && number <= RTMAX) return number
    throw new InvalidRequestError(`invalid signal: ${text}`)
  }
  const name = text.toUpperCase().replace(/^(?!SIG)/, 'SIG')
  const realtime = /^SIGRT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name)
  if (realtime !== null) {
    const offset = Number(realtime[3] ?? 0) * (realtime[2] === '-' ? -1 : 1)
    const number = (realtime[1] === 'MIN' ? RTMIN : RTMAX) + offset
    if (number >= RTMIN && number <= RTMAX) return number
  }
  const number = NUMBERS.get(name)
  if (number === undefined) throw new InvalidRequestError(`invalid signal: ${JSON.stringify(text)}`)
  return number
}
