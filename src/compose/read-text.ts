/**
 * Reading through the injected reader, where a file that cannot be read is a problem like any other.
 */
import { InvalidTextError, MycomposeError } from '../errors.ts'
import type { Problems } from './problems.ts'
import type { SourceReader } from './request.ts'
import { sourceFile, type Origin } from './source-file.ts'

/** Who asks for a file: where, and who collects what is wrong with it. */
export interface Reference {
  readonly origin: Origin | undefined
  readonly problems: Problems
}

/** For what is too large. */
export const NO_COMPOSE_FILE = 'is it a Compose file, or an env file?'

/** `missing`: there is no such file, which is the caller's to judge; else it was reported as unreadable. */
export type ReadResult = { readonly text: string } | { readonly missing: boolean }

export async function readText(path: string, from: Reference, reader: SourceReader): Promise<ReadResult> {
  try {
    const text = path === '-' ? await reader.readStdin() : await reader.readText(path)
    return text === undefined ? { missing: true } : { text }
  } catch (error) {
    if (error instanceof InvalidTextError) {
      const source = sourceFile(path, error.text)
      const offset = error.offset - (error.text.length - source.text.length)
      const message = 'the file is not valid UTF-8 here'
      from.problems.error({ source, offset }, { code: 'INVALID_UTF8', message, hint: 'save it as UTF-8 text' })
      return { missing: false }
    }
    if (error instanceof MycomposeError && error.code === 'FILE_TOO_LARGE') {
      from.problems.error(from.origin, { code: 'FILE_TOO_LARGE', message: error.message, hint: NO_COMPOSE_FILE })
      return { missing: false }
    }
    const reason = (error instanceof Error ? error.message : String(error)).replace(`cannot read ${path}: `, '')
    from.problems.error(from.origin, {
      code: 'FILE_UNREADABLE',
      message: `cannot read ${path}: ${reason}`,
      hint: 'look at its type and permissions: ls -ld PATH',
    })
    return { missing: false }
  }
}
