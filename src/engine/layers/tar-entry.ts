/**
 * What a tar says about one file, whatever the dialect it was written in. Names are byte strings (host/at.ts).
 * Source: POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".
 */
import type { ByteString } from '../../host/at.ts'
import { InvalidRequestError } from '../../errors.ts'

export type TarEntryKind = 'file' | 'folder' | 'symlink' | 'hardlink' | 'character' | 'block' | 'fifo'

export interface TarEntry {
  readonly kind: TarEntryKind
  /** As written: may be absolute, hold ".." or end in "/". */
  readonly path: ByteString
  /** 0o0 to 0o7777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Of a regular file, holes included; else 0. */
  readonly sizeBytes: number
  readonly mtimeNs: bigint
  /** Of links; else "". */
  readonly target: ByteString
  /** Of device nodes; else 0. */
  readonly major: number
  readonly minor: number
  readonly xattrs: ReadonlyMap<ByteString, Buffer>
}

export const BLOCK = 512

/** The tar breaks the format or a limit. */
export function tarError(message: string, hint?: string): InvalidRequestError {
  return new InvalidRequestError(`invalid tar: ${message}`, { code: 'TAR_INVALID', hint })
}

// oxlint-disable-next-line no-control-regex -- exactly these must not reach a terminal
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g
const SHOWN_CHARACTERS = 200

/** Fit for a message: UTF-8 where it is that, control characters shown as "?", cut at 200 characters. */
export function printable(name: ByteString): string {
  const text = Buffer.from(name, 'latin1').toString('utf8').replaceAll(CONTROL, '?')
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text
}
