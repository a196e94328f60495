/**
 * Reading through the injected reader, where a file that cannot be read is a problem like any other.
 */
import type { Problems } from './problems.ts'
import type { SourceReader } from './request.ts'
import type { Origin } from './source-file.ts'

/** Who asks for a file: where, and who collects what is wrong with it. */
export interface Reference {
  readonly origin: Origin | undefined
  readonly problems: Problems
}

/** `missing`: there is no such file, which is the caller's to judge; else it was reported as unreadable. */
export type ReadResult = { readonly text: string } | { readonly missing: boolean }

export async function readText(path: string, from: Reference, reader: SourceReader): Promise<ReadResult> {
  try {
    const text = await reader.readText(path)
    return text === undefined ? { missing: true } : { text }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    from.problems.error(from.origin, { code: 'FILE_UNREADABLE', message: `cannot read ${path}: ${reason}` })
    return { missing: false }
  }
}
