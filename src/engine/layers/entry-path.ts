/**
 * Names in a tar, made safe: no "..", no NUL. PURE.
 * Source: CVE-2021-32760, CVE-2025-47290 and the node-tar series of 2026.
 */
import type { ByteString } from '../../host/at.ts'
import { printable, tarError } from './tar-entry.ts'

const MAX_NAME_BYTES = 255
const MAX_DEPTH = 256
/** PATH_MAX is 4096, and the store's own folder stands before it: a longer one could not be removed by its name. */
const MAX_REAL_PATH_BYTES = 3_500

export interface EntryPath {
  /** Folder part without slashes at its ends; "" is the root. */
  readonly parent: ByteString
  /** Last part; "" for the root itself. */
  readonly name: ByteString
}

export function joinPath(parent: ByteString, name: ByteString): ByteString {
  return parent === '' ? name : `${parent}/${name}`
}

/** Also for a path that links lead to. Throws TAR_INVALID. */
export function checkLength(parts: readonly ByteString[]): void {
  if (parts.length > MAX_DEPTH) throw tarError(`more than ${MAX_DEPTH} folders deep: ${shortened(parts)}`)
  const bytes = parts.reduce((total, part) => total + part.length + 1, 0)
  if (bytes > MAX_REAL_PATH_BYTES)
    throw tarError(`a path of ${bytes} bytes, more than ${MAX_REAL_PATH_BYTES}: ${shortened(parts)}`)
}

function shortened(parts: readonly ByteString[]): string {
  return `${printable(parts.join('/').slice(0, MAX_NAME_BYTES))}...`
}

/** The parts of "./a//b/": ["a", "b"]. Throws TAR_INVALID. */
function checkedParts(path: ByteString): ByteString[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  checkLength(parts)
  for (const part of parts) {
    if (part === '..') throw tarError(`".." in the path ${printable(path)}`, 'it would lead out of the image')
    if (part.length > MAX_NAME_BYTES) throw tarError(`a name of more than ${MAX_NAME_BYTES} bytes: ${printable(part)}`)
  }
  return parts
}

/** "/" at the start counts nothing: all paths begin at the root of the tree. Throws TAR_INVALID. */
export function parseEntryPath(path: ByteString): EntryPath {
  if (path.includes('\0')) throw tarError(`NUL in the path ${printable(path)}`)
  const parts = checkedParts(path)
  const name = parts.pop() ?? ''
  return { parent: parts.join('/'), name }
}
