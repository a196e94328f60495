/**
 * libc through koffi: loaded once, in the engine only (a CLI start must not pay for it). The functions that need it
 * stand in openat2.ts, mounts.ts, xattrs.ts, netns.ts, links.ts, nft.ts and pty.ts.
 */
import { constants } from 'node:os'
import koffi from 'koffi'
import { KernelError } from '../errors.ts'

/** A foreign function; `.async` runs it on a worker thread with a node-style callback last. */
export type ForeignFunction = ReturnType<ReturnType<typeof koffi.load>['func']>

export interface Libc {
  /** Declares a C function by its prototype. */
  func(prototype: string): ForeignFunction
  /** The KernelError for errno as the last call left it. */
  error(message: string, path?: string): KernelError
  /** errno as the last call left it, by name. */
  errno(): string
}

/** Of two names of one number the first, as Node has it: EAGAIN (not EWOULDBLOCK), ENOTSUP (not EOPNOTSUPP). */
const ERRNO_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno)
    .toReversed()
    .map(([name, value]) => [value, name]),
)

/** @throws a plain Error where there is no libc.so.6 (not Linux with glibc). */
export function loadLibc(): Libc {
  const library = koffi.load('libc.so.6')
  const errno = (): string => ERRNO_NAMES.get(koffi.errno()) ?? `errno ${koffi.errno()}`
  return {
    func: (prototype) => library.func(prototype),
    errno,
    error(message, path) {
      const name = errno()
      return new KernelError(`${message}: ${name}`, { errno: name, path })
    },
  }
}
