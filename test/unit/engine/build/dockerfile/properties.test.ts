/** Whatever the text is, the parser gives a Dockerfile or throws its own error, in bounded time; places lead back to the text. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Word } from '../../../../../src/engine/build/dockerfile/ast.ts'
import { DockerfileError } from '../../../../../src/engine/build/dockerfile/errors.ts'
import { expandWord, expandWords } from '../../../../../src/engine/build/dockerfile/expand.ts'
import { lint } from '../../../../../src/engine/build/dockerfile/lint/lint.ts'
import { parseMount } from '../../../../../src/engine/build/dockerfile/mount.ts'
import { parseDockerfile } from '../../../../../src/engine/build/dockerfile/parse.ts'

const KEYWORDS = (
  'FROM,FROM a AS,RUN,run,COPY,ADD,ENV,ARG,LABEL,CMD,ENTRYPOINT,SHELL,HEALTHCHECK,ONBUILD,EXPOSE,VOLUME,USER,WORKDIR,' +
  'STOPSIGNAL,MAINTAINER,FOO'
).split(',')
const SIGNS = Array.from(' \t\n\\`"\'$}#[],=/%*?:+-\u00e9\u0085\u2028\u{1f600}\ud800\u0000\ufeff')
const PIECES = SIGNS.concat(
  ['\n', '\r\n', '\\\n', '${', '$x', '${x:-', '${x/', '# escape=`\n', '# check=skip=all\n', '<<E', '<<-"E"'],
  ['\nE\n', '\tE', '["a","b"]', '--', '--mount=type=cache,target=/x', '--from=', '--chown=1', '--link'],
  ['--interval=5s', 'CMD ', 'NONE', 'a', 'b=c'],
)

/** Texts that look like Dockerfiles more than random ones do. */
const dockerfiles = fc
  .array(fc.oneof(fc.constantFrom(...KEYWORDS.map((word) => `\n${word} `)), fc.constantFrom(...PIECES)), {
    maxLength: 40,
  })
  .map((pieces) => `FROM scratch${pieces.join('')}`)

const texts = fc.oneof(dockerfiles, dockerfiles, fc.string({ unit: 'binary', maxLength: 200 }))
const lookup = (name: string): string | undefined => (name === 'x' ? 'a*b?' : undefined)

/** Undefined when it throws its own error; any other goes on. */
function orOwnError<T>(action: () => T): T | undefined {
  try {
    return action()
  } catch (error) {
    if (!(error instanceof DockerfileError)) throw error
    if (error.source !== undefined) checkRange(error.source.range, Number.POSITIVE_INFINITY)
    return undefined
  }
}

function checkRange(range: Word['range'], lines: number): void {
  assert.ok(range.line >= 1 && range.column >= 1 && range.endLine >= range.line && range.endLine <= lines)
  assert.ok(range.endLine > range.line || range.endColumn > range.column, JSON.stringify(range))
}

describe('any text', () => {
  it('is parsed, checked and expanded, or refused with a place', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const file = orOwnError(() => parseDockerfile(text, 'Dockerfile'))
        if (file === undefined) return
        lint(file, { baseOf: () => ({ env: [], hasShell: false }) })
        for (const instruction of file.stages.flatMap(({ instructions }) => instructions)) {
          checkRange(instruction.range, file.lines.length)
          if (instruction.kind !== 'run') continue
          for (const flag of instruction.mounts) orOwnError(() => parseMount(flag, (value) => value, file))
        }
      }),
      { numRuns: 3000 },
    )
  })

  it('is expanded to the same text as to words, but for white space', () => {
    const words = fc.array(fc.constantFrom(...PIECES), { maxLength: 20 }).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(words, (text) => {
        const options = { escape: '\\', quotes: 'keep' } as const
        const whole = orOwnError(() => expandWord(text, lookup, options))
        const split = orOwnError(() => expandWords(text, lookup, options))
        assert.equal(whole === undefined, split === undefined)
        const bare = (value: string): string => value.replaceAll(/[\s\u0085\ufeff]/g, '')
        assert.equal(bare(split?.join('') ?? ''), bare(whole ?? ''))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('places', () => {
  const plain = fc.stringMatching(/^[a-z0-9/._]{1,12}$/)
  const separator = fc.constantFrom(' ', '  ', '\t', ' \\\n', ' \\\n  ', ' \\\n# c\n ')

  it('of words lead back to the text, across lines too', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(separator, plain), { minLength: 2, maxLength: 8 }), (parts) => {
        const file = parseDockerfile(`FROM scratch\nCOPY${parts.flat().join('')}`, 'Dockerfile')
        const [copy] = file.stages[0]?.instructions ?? []
        assert.ok(copy?.kind === 'copy')
        const words = [
          ...copy.sources.flatMap((source) => (source.kind === 'path' ? source.word : [])),
          copy.destination,
        ]
        assert.deepEqual(
          words.map(({ text }) => text),
          parts.map(([, word]) => word),
        )
        for (const { text, range } of words) {
          const line = file.lines[range.line - 1] ?? ''
          assert.equal(line.slice(range.column - 1, range.endColumn - 1), text)
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('long texts take bounded time', () => {
  const many = 50_000
  const cases: Readonly<Record<string, string>> = {
    'continuation lines': `RUN a${' \\\n b'.repeat(many)}`,
    'empty continuation lines': `RUN a \\\n${'\n'.repeat(many)}b`,
    comments: `${'# a\n'.repeat(many)}RUN a`,
    instructions: 'RUN a\n'.repeat(many),
    words: `ENV ${'a=b '.repeat(many)}`,
    quotes: `ENV A=${`"'`.repeat(many)}`,
    'open quotes with <<': `RUN <<E ${'"'.repeat(many + 1)}`,
    'heredocs without end': `RUN ${'<<E '.repeat(many)}`,
    'empty heredocs': `RUN ${'<<E '.repeat(many)}${'\nE'.repeat(many)}`,
    'blanks behind <<': `RUN <<${' '.repeat(many)}<`,
    'escapes at the end': `RUN ${'\\ '.repeat(many)}`,
    'a JSON list': `RUN [${'"a",'.repeat(many)}"b"]`,
    'nested JSON lists': `RUN ${'['.repeat(many)}${']'.repeat(many)}`,
    flags: `RUN ${'--mount=a=b '.repeat(many)}x`,
    'fields of a flag': `RUN --mount=${'a=b,'.repeat(many)}a x`,
    'quotes of a flag': `RUN '--mount=${'""'.repeat(many)}' x`,
  }
  for (const [name, text] of Object.entries(cases)) {
    it(name, { timeout: 20_000 }, () => void orOwnError(() => parseDockerfile(`FROM a\n${text}`, 'Dockerfile')))
  }

  const long = 'ab'.repeat(5000)
  const expansions: readonly string[] = [
    '${x:-'.repeat(many),
    '$x'.repeat(many),
    `\${LONG//${'*a'.repeat(20)}c/}`,
    `\${LONG%%${'*b'.repeat(20)}c}`,
    `\${LONG##${'?*'.repeat(20)}c}`,
    '${LONG//a/bb}',
  ]
  for (const text of expansions) {
    it(`expanding ${text.slice(0, 24)}`, { timeout: 20_000 }, () => {
      orOwnError(() => expandWord(text, (name) => (name === 'LONG' ? long : undefined), { escape: '\\' }))
    })
  }
})
