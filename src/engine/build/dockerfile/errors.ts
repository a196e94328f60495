/**
 * What is wrong with a Dockerfile, with the place and the lines around it. Everything that reads, expands or plans one throws
 * this type, so that every message has file:line:column and can be shown with a caret.
 */
import type { SourceExcerpt, SourceRange } from '../../../api/types/build.ts'
import { MycomposeError } from '../../../errors.ts'

/** The file that ranges refer to; a Dockerfile is one. */
export interface SourceText {
  /** As the user knows it: "./web/Dockerfile". */
  readonly file: string
  /** Without line ends. */
  readonly lines: readonly string[]
}

/** A range with the text that it stands in. */
export interface Place {
  readonly source: SourceText
  readonly range: SourceRange
}

export type DockerfileErrorCode =
  /** The text is none: heredocs without end, wrong directives, missing or surplus arguments. */
  | 'DOCKERFILE_SYNTAX'
  | 'DOCKERFILE_EMPTY'
  | 'DOCKERFILE_UNKNOWN_INSTRUCTION'
  | 'DOCKERFILE_UNKNOWN_FLAG'
  /** A flag, duration, mount or mode with a value that it cannot have. */
  | 'DOCKERFILE_INVALID_VALUE'
  /** `${x...}` that is none, or `${x:?message}`. */
  | 'DOCKERFILE_EXPANSION'
  /** Stages: unknown, circular, not yet built. */
  | 'DOCKERFILE_STAGE'
  /** A check found something, and `# check=error=true` makes that an error. */
  | 'DOCKERFILE_CHECK'

export class DockerfileError extends MycomposeError {
  /** Undefined where a text without a file was expanded. */
  readonly source: SourceExcerpt | undefined
  declare readonly code: DockerfileErrorCode

  constructor(code: DockerfileErrorCode, message: string, place: Place | undefined, hint?: string) {
    const location =
      place === undefined ? undefined : { file: place.source.file, line: place.range.line, column: place.range.column }
    super(message, { code, hint, location })
    this.source = place === undefined ? undefined : excerptOf(place)
  }
}

const LINES_AROUND = 2
/** A heredoc of a thousand lines is shown by its beginning. */
const MAX_LINES = 24

/** The lines of a range with two before and after it; control characters are replaced one by one, so columns stay. */
export function excerptOf({ source, range }: Place): SourceExcerpt {
  const firstLine = Math.max(1, range.line - LINES_AROUND)
  const lastLine = Math.min(source.lines.length, range.endLine + LINES_AROUND, firstLine + MAX_LINES - 1)
  return {
    file: source.file,
    range,
    firstLine,
    lines: source.lines.slice(firstLine - 1, lastLine).map(printable),
  }
}

function printable(line: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return line.replaceAll(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
}
