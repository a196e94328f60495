/**
 * The keys that leave a terminal and let its process go on: the words in which they are written ("ctrl-p,ctrl-q") and
 * the watch over typed bytes. Source: Docker Engine API, detachKeys of ContainerAttach; docker CLI --detach-keys. PURE.
 */
import { InvalidRequestError } from '../errors.ts'

/** ctrl-p ctrl-q, as docker has it. */
export const DEFAULT_DETACH_KEYS: Buffer = Buffer.from([16, 17])

/**
 * The bytes of "a,ctrl-b,DEL": single characters, ctrl-<letter>, ctrl-@ [ \ ] ^ _, DEL. Empty or absent: the default.
 * Throws InvalidRequestError.
 */
export function parseDetachKeys(text: string | undefined): Buffer {
  if (text === undefined || text === '') return DEFAULT_DETACH_KEYS
  return Buffer.from(text.split(',').map((key) => byteOf(key, text)))
}

function byteOf(key: string, text: string): number {
  if (key === 'DEL') return 127
  if (/^[\u0020-\u007e]$/.test(key)) return key.charCodeAt(0)
  const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1]
  if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f
  throw new InvalidRequestError(`invalid detach keys "${text}": unknown key "${key}"`, {
    hint: 'write keys as in "ctrl-p,ctrl-q" or "ctrl-a,d"',
  })
}

export interface DetachWatch {
  /** What of the bytes goes on to the process; `detached`: the keys were typed, and nothing after them counts. */
  push(bytes: Buffer): { readonly forward: Buffer; readonly detached: boolean }
  /** What was held back as the beginning of the keys, at the end of the input. */
  flush(): Buffer
}

export function createDetachWatch(keys: Buffer): DetachWatch {
  let matched = 0

  /** How much of the keys stands at the end of what was typed, once `byte` has come. */
  function advance(byte: number): number {
    const typed = Buffer.concat([keys.subarray(0, matched), Buffer.of(byte)])
    for (let length = Math.min(typed.length, keys.length); length > 0; length -= 1)
      if (typed.subarray(typed.length - length).equals(keys.subarray(0, length))) return length
    return 0
  }

  return {
    push(bytes) {
      // most input holds no first key: it goes on as it is
      if (matched === 0 && !bytes.includes(keys[0] ?? 0)) return { forward: bytes, detached: false }
      const forward: Buffer[] = []
      for (let at = 0; at < bytes.length; at += 1) {
        const held = matched
        const next = advance(bytes[at] ?? 0)
        // what was held and is no beginning any more goes on, before this byte
        const released = held + 1 - next
        if (released > 0) {
          const all = Buffer.concat([keys.subarray(0, held), bytes.subarray(at, at + 1)])
          forward.push(all.subarray(0, released))
        }
        matched = next
        if (matched === keys.length) return { forward: Buffer.concat(forward), detached: true }
        // a long paste is not taken apart byte by byte
        if (matched === 0) {
          const start = bytes.indexOf(keys[0] ?? 0, at + 1)
          const end = start < 0 ? bytes.length : start
          forward.push(bytes.subarray(at + 1, end))
          at = end - 1
        }
      }
      return { forward: Buffer.concat(forward), detached: false }
    },
    flush() {
      const held = keys.subarray(0, matched)
      matched = 0
      return Buffer.from(held)
    },
  }
}
