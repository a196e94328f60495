/**
 * Against web pages that talk to the API through a TCP forwarder somebody put before the socket: cross-site requests
 * (Origin) and DNS rebinding (a public name in Host) are refused. Our socket itself is out of a browser's reach.
 */
import type { Headers } from '../http1/head.ts'
import { ApiError } from '../../errors.ts'

/** Names that cannot be a public site's: one label, *.localhost, an address, or a socket's path. */
const LOCAL_HOST = /^(?:[^.]*|.*\.localhost|\d+\.\d+\.\d+\.\d+|\[[0-9a-f:.]+\]|.*\.sock)(?::\d+)?$/i

/** Throws ApiError 403. */
export function checkOrigin(headers: Headers): void {
  if (headers.has('origin'))
    throw new ApiError('requests from web pages are refused', { status: 403, code: 'FORBIDDEN_ORIGIN' })
  const host = headers.get('host') ?? ''
  if (!LOCAL_HOST.test(host))
    throw new ApiError(`host "${host.slice(0, 100)}" is refused`, {
      status: 403,
      code: 'FORBIDDEN_ORIGIN',
      hint: 'reach the engine through its unix socket',
    })
}
