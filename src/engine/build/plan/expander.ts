/** Expansion of the words of one Dockerfile: dockerfile/expand.ts with the escape and the places filled in. */
import type { SourceRange } from '../../../api/types/build.ts'
import { DockerfileError, type DockerfileErrorCode, type Place } from '../dockerfile/errors.ts'
import { expandHeredoc, expandWord, expandWords, type ExpandOptions } from '../dockerfile/expand.ts'
import type { Dockerfile, Heredoc, Word } from '../dockerfile/ast.ts'

type Variables = ReadonlyMap<string, string>

export interface Expander {
  word(word: Word, variables: Variables): string
  /** Split at white space. */
  words(word: Word, variables: Variables): readonly string[]
  heredoc(heredoc: Heredoc, variables: Variables): string
  /** For the name of a step. `isCommand`: quotes stay, and so does `$x` when x is not set. Never throws. */
  name(text: string, variables: Variables, isCommand: boolean): string
  place(range: SourceRange): Place
  error(range: SourceRange, code: DockerfileErrorCode, message: string, hint?: string): DockerfileError
}

/** `at`: ranges of a text that is not in the file (ONBUILD of a base image) become this one. */
export function createExpander(dockerfile: Dockerfile, at?: SourceRange): Expander {
  const { escape } = dockerfile.directives
  const placed = (range: SourceRange): Place => ({
    source: dockerfile,
    range: at ?? range,
  })
  const options = (range: SourceRange): ExpandOptions => ({ escape, where: placed(range) })
  return {
    word: ({ text, range }, variables) => expandWord(text, (name) => variables.get(name), options(range)),
    words: ({ text, range }, variables) => expandWords(text, (name) => variables.get(name), options(range)),
    heredoc: ({ content, expands, range }, variables) =>
      expands ? expandHeredoc(content, (name) => variables.get(name), placed(range)) : content,
    name(text, variables, isCommand) {
      const lookup = (name: string): string | undefined => variables.get(name)
      try {
        return expandWord(text, lookup, isCommand ? { escape, quotes: 'keep', keepsUnset: true } : { escape })
      } catch (error) {
        if (error instanceof DockerfileError) return text
        throw error
      }
    },
    place: placed,
    error: (range, code, message, hint) => new DockerfileError(code, message, placed(range), hint),
  }
}
