/** What is wrong in a Dockerfile: the code, the place, the lines around and what to do about it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseDockerfile } from '../../../../../src/engine/build/dockerfile/parse.ts'
import { errorOf, hintOf } from './support.ts'

const parse = (text: string) => parseDockerfile(text, 'Dockerfile')

describe('errors', () => {
  const inStage: readonly (readonly [text: string, want: string])[] = [
    ['FOO bar', '2:1 DOCKERFILE_UNKNOWN_INSTRUCTION unknown instruction: FOO'],
    ['  CPOY a b', '2:3 DOCKERFILE_UNKNOWN_INSTRUCTION unknown instruction: CPOY'],
    ['RUN\u00a0a', '2:1 DOCKERFILE_UNKNOWN_INSTRUCTION unknown instruction: RUN\u00a0a'],
    ['__proto__ a', '2:1 DOCKERFILE_UNKNOWN_INSTRUCTION unknown instruction: __proto__'],
    ['COPY a', '2:1 DOCKERFILE_SYNTAX COPY requires at least two arguments, the last being the destination'],
    ['ADD', '2:1 DOCKERFILE_SYNTAX ADD requires at least two arguments, the last being the destination'],
    ['COPY a <<E\nx\nE', '2:8 DOCKERFILE_SYNTAX COPY cannot accept a heredoc as a destination'],
    ['COPY --form=a b c', '2:6 DOCKERFILE_UNKNOWN_FLAG unknown flag: --form'],
    ['COPY --unpack a b', '2:6 DOCKERFILE_UNKNOWN_FLAG unknown flag: --unpack'],
    ['ADD --from=x a b', '2:5 DOCKERFILE_UNKNOWN_FLAG unknown flag: --from'],
    ['COPY --constructor=a b c', '2:6 DOCKERFILE_UNKNOWN_FLAG unknown flag: --constructor'],
    ['COPY --from a b', '2:6 DOCKERFILE_INVALID_VALUE missing a value on flag: --from'],
    ['COPY --from=a --from=b c d', '2:15 DOCKERFILE_INVALID_VALUE duplicate flag specified: --from'],
    ['COPY --link= a b', '2:6 DOCKERFILE_INVALID_VALUE missing a value on flag: --link'],
    ['COPY --link=1 a b', '2:6 DOCKERFILE_INVALID_VALUE expecting a boolean value for flag --link, not: 1'],
    ['CMD --x a', '2:5 DOCKERFILE_UNKNOWN_FLAG unknown flag: --x'],
    ['RUN --network=bridge a', '2:5 DOCKERFILE_INVALID_VALUE invalid network mode "bridge"'],
    ['RUN --security=$x a', '2:5 DOCKERFILE_INVALID_VALUE invalid security mode "$x"'],
    [
      'RUN --mount=type=bind,from=$x a',
      `2:23 DOCKERFILE_INVALID_VALUE "from" doesn't support variable expansion, define an alias stage instead`,
    ],
    ['RUN [1]', '2:5 DOCKERFILE_SYNTAX when using JSON array syntax, arrays must be comprised of strings only'],
    [
      'CMD ["a", ["b"]]',
      '2:5 DOCKERFILE_SYNTAX when using JSON array syntax, arrays must be comprised of strings only',
    ],
    ['RUN <<E\na', '2:1 DOCKERFILE_SYNTAX unterminated heredoc "E"'],
    ['ENV A', '2:5 DOCKERFILE_SYNTAX ENV must have two arguments'],
    ['ENV', '2:1 DOCKERFILE_SYNTAX ENV requires at least one argument'],
    ['ENV A=b C', `2:9 DOCKERFILE_SYNTAX can't find = in "C": must be of the form name=value`],
    ['ENV =b', '2:5 DOCKERFILE_SYNTAX ENV names can not be blank'],
    ['LABEL a=b \\\n c', `3:2 DOCKERFILE_SYNTAX can't find = in "c": must be of the form name=value`],
    ['ARG', '2:1 DOCKERFILE_SYNTAX ARG requires at least one argument'],
    ['ARG =x', '2:5 DOCKERFILE_SYNTAX ARG names can not be blank'],
    ['EXPOSE', '2:1 DOCKERFILE_SYNTAX EXPOSE requires at least one argument'],
    ['VOLUME', '2:1 DOCKERFILE_SYNTAX VOLUME requires at least one argument'],
    ['VOLUME ["/a", " "]', '2:15 DOCKERFILE_SYNTAX VOLUME specified can not be an empty string'],
    ['USER', '2:1 DOCKERFILE_SYNTAX USER requires exactly one argument'],
    ['WORKDIR', '2:1 DOCKERFILE_SYNTAX WORKDIR requires exactly one argument'],
    ['SHELL a b', '2:7 DOCKERFILE_SYNTAX SHELL requires the arguments to be in JSON form'],
    ['SHELL []', '2:7 DOCKERFILE_SYNTAX SHELL requires at least one argument'],
    ['HEALTHCHECK', '2:1 DOCKERFILE_SYNTAX HEALTHCHECK requires at least one argument'],
    ['HEALTHCHECK NONE a', '2:18 DOCKERFILE_SYNTAX HEALTHCHECK NONE takes no arguments'],
    ['HEALTHCHECK CMD', '2:13 DOCKERFILE_SYNTAX missing command after HEALTHCHECK CMD'],
    ['HEALTHCHECK CMD []', '2:17 DOCKERFILE_SYNTAX missing command after HEALTHCHECK CMD'],
    ['HEALTHCHECK a', '2:13 DOCKERFILE_SYNTAX unknown type "a" in HEALTHCHECK (try CMD)'],
    ['HEALTHCHECK --interval=5 CMD a', '2:13 DOCKERFILE_INVALID_VALUE invalid duration "5" of --interval'],
    ['HEALTHCHECK --timeout=1us CMD a', '2:13 DOCKERFILE_INVALID_VALUE --timeout cannot be less than 1ms: "1us"'],
    ['HEALTHCHECK --retries=-1 CMD a', '2:13 DOCKERFILE_INVALID_VALUE --retries cannot be negative (-1)'],
    ['HEALTHCHECK --retries=a CMD a', '2:13 DOCKERFILE_INVALID_VALUE invalid number "a" of --retries'],
    ['ONBUILD', '2:1 DOCKERFILE_SYNTAX ONBUILD requires at least one argument'],
    ['ONBUILD ONBUILD RUN a', "2:9 DOCKERFILE_SYNTAX chaining ONBUILD via ONBUILD ONBUILD isn't allowed"],
    ['ONBUILD from a', "2:9 DOCKERFILE_SYNTAX FROM isn't allowed as an ONBUILD trigger"],
    ['ONBUILD MAINTAINER a', "2:9 DOCKERFILE_SYNTAX MAINTAINER isn't allowed as an ONBUILD trigger"],
    ['ONBUILD RN a', '2:9 DOCKERFILE_UNKNOWN_INSTRUCTION unknown instruction: RN'],
    ['FROM a b', '2:8 DOCKERFILE_SYNTAX FROM requires either one or three arguments'],
    ['FROM a AS', '2:8 DOCKERFILE_SYNTAX FROM requires either one or three arguments'],
    ['FROM a in b', '2:8 DOCKERFILE_SYNTAX FROM requires either one or three arguments'],
    ['FROM a AS b c', '2:8 DOCKERFILE_SYNTAX FROM requires either one or three arguments'],
    ['FROM', '2:1 DOCKERFILE_SYNTAX FROM requires either one or three arguments'],
    [
      'FROM a AS 1b',
      `2:11 DOCKERFILE_INVALID_VALUE invalid name for build stage: "1b", name can't start with a number or contain symbols`,
    ],
    ['FROM --platfrom=x a', '2:6 DOCKERFILE_UNKNOWN_FLAG unknown flag: --platfrom'],
  ]
  for (const [text, want] of inStage)
    it(text, () =>
      assert.equal(
        errorOf(() => parse(`FROM scratch\n${text}`)),
        want,
      ),
    )

  const whole: readonly (readonly [text: string, want: string])[] = [
    ['', '1:1 DOCKERFILE_EMPTY file with no instructions'],
    ['# only\n\n# comments', '1:1 DOCKERFILE_EMPTY file with no instructions'],
    ['ARG a', '1:1 DOCKERFILE_EMPTY dockerfile contains no stages to build'],
    ['RUN a\nFROM b', '1:1 DOCKERFILE_SYNTAX no build stage in current context'],
    ['# escape=x\nFROM a', '1:10 DOCKERFILE_SYNTAX invalid escape token "x": it is neither ` nor \\'],
    ['# escape=`\n# escape=`\nFROM a', '2:10 DOCKERFILE_SYNTAX only one escape parser directive can be used'],
    ['# check=foo=1\nFROM a', '1:9 DOCKERFILE_SYNTAX invalid check option "foo=1"'],
    ['# check=error=maybe\nFROM a', '1:9 DOCKERFILE_SYNTAX invalid check option "error=maybe"'],
  ]
  for (const [text, want] of whole)
    it(JSON.stringify(text), () =>
      assert.equal(
        errorOf(() => parse(text)),
        want,
      ),
    )

  it('name the nearest word', () => {
    assert.equal(
      hintOf(() => parse('FORM a')),
      'did you mean FROM?',
    )
    assert.equal(
      hintOf(() => parse('FROM a\nentrpoint b')),
      'did you mean entrypoint?',
    )
    assert.equal(
      hintOf(() => parse('FROM a\nCOPY --chonw=1 b c')),
      'did you mean --chown?',
    )
  })

  it('carry the lines around, without control characters', () => {
    try {
      parse('FROM a\n#1\n#2\u001b[31m\nBAD x\n#3\n#4\n#5')
      assert.fail('no error')
    } catch (error) {
      assert.ok(error instanceof Error && 'source' in error)
      assert.deepEqual(error.source, {
        file: 'Dockerfile',
        range: { line: 4, column: 1, endLine: 4, endColumn: 4 },
        firstLine: 2,
        lines: ['#1', '#2\ufffd[31m', 'BAD x', '#3', '#4'],
      })
    }
  })
})
