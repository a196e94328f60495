/**
 * Paths of trees that are copied: byte strings relative to the tree's root, "" being the root itself. PURE but for what is
 * passed in. Source: Go's path.Clean and containerd's RootPath, by what BuildKit makes of hostile links.
 */
import { InvalidRequestError } from '../../../errors.ts'
import type { ByteString } from '../../../host/at.ts'
import { walkLinks } from '../../layers/follow-links.ts'
import { printable } from '../../layers/tar-entry.ts'

// oxlint-disable-next-line no-control-regex -- what is no ASCII needs decoding
const NOT_ASCII = /[^\u0000-\u007f]/

/** UTF-8 text as a byte string. */
export function bytesOf(text: string): ByteString {
  return NOT_ASCII.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text
}

/** A byte string as text, U+FFFD for what is no UTF-8: for patterns. */
export function textOf(path: ByteString): string {
  return NOT_ASCII.test(path) ? Buffer.from(path, 'latin1').toString('utf8') : path
}

/** As messages have it: "/a/b". */
export function shownPath(path: ByteString): string {
  return `/${printable(path)}`
}

/** "a//./b/../c/" is "a/c"; what would lead above the root ends at it. */
export function cleanPath(path: ByteString): ByteString {
  const parts: ByteString[] = []
  for (const part of path.split('/'))
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  return parts.join('/')
}

/** "a/b" is in "a", "a" in "". */
export function splitLast(path: ByteString): { readonly parent: ByteString; readonly name: ByteString } {
  const slash = path.lastIndexOf('/')
  return { parent: path.slice(0, Math.max(slash, 0)), name: path.slice(slash + 1) }
}

/** Where `path` leads, see walkLinks. Throws InvalidRequestError (PATH_LOOP). */
export function followLinks(path: ByteString, targetOf: (path: ByteString) => ByteString | undefined): ByteString {
  return walkLinks(path, targetOf, {
    tooMany: () =>
      new InvalidRequestError(`too many symbolic links on the way to ${shownPath(path)}`, { code: 'PATH_LOOP' }),
  })
}
