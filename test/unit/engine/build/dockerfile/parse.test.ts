import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseDockerfile, parseTrigger } from '../../../../../src/engine/build/dockerfile/parse.ts'
import { instruction, instructions } from './support.ts'

const parse = (text: string) => parseDockerfile(text, 'Dockerfile')
const shell = (text: string): unknown => ({ kind: 'shell', text })
const exec = (...argv: string[]): unknown => (argv.length === 0 ? { kind: 'exec' } : { kind: 'exec', argv })
const run = (text: string): unknown => ({ kind: 'run', command: shell(text) })
const path = (word: string): unknown => ({ kind: 'path', word })

describe('each instruction', () => {
  const cases: readonly (readonly [text: string, want: unknown])[] = [
    ['RUN a && b', run('a && b')],
    ['run a', run('a')],
    ['  RUN   a  b  ', run('a  b')],
    ['RUN\ta', run('a')],
    ['RUN', run('')],
    ['RUN ["a", "b c"]', { kind: 'run', command: exec('a', 'b c') }],
    ['RUN [ "a" ] ', { kind: 'run', command: exec('a') }],
    ['RUN []', { kind: 'run', command: exec() }],
    ['RUN ["a\\u00e9\\n\\ud800"]', { kind: 'run', command: exec('a\u00e9\n\ufffd') }],
    ["RUN ['a']", run("['a']")],
    ['RUN ["a"', run('["a"')],
    ['RUN ["a"] b', run('["a"] b')],
    ['RUN [ -f x ]', run('[ -f x ]')],
    ['RUN "[\\"a\\"]"', run('"[\\"a\\"]"')],
    ['RUN --network=none --security=insecure a', { ...(run('a') as object), network: 'none', security: 'insecure' }],
    ['RUN --device=vendor/x=1 --device=y a', { ...(run('a') as object), devices: ['vendor/x=1', 'y'] }],
    ['RUN -- --network=none', run('--network=none')],
    ['RUN -x', run('-x')],
    ['CMD a b', { kind: 'cmd', command: shell('a b') }],
    ['CMD ["a"]', { kind: 'cmd', command: exec('a') }],
    ['CMD []', { kind: 'cmd', command: exec() }],
    ['CMD', { kind: 'cmd', command: shell('') }],
    ['ENTRYPOINT ["a"]', { kind: 'entrypoint', command: exec('a') }],
    ['ENTRYPOINT []', { kind: 'entrypoint', command: exec() }],
    ['SHELL ["/bin/bash", "-c"]', { kind: 'shell', argv: ['/bin/bash', '-c'] }],
    ['ENV A=b', { kind: 'env', pairs: [{ key: 'A', value: 'b' }] }],
    ['ENV A=', { kind: 'env', pairs: [{ key: 'A', value: '' }] }],
    ['ENV A b c ', { kind: 'env', pairs: [{ key: 'A', value: 'b c' }], isLegacy: true }],
    ['ENV A  b=c', { kind: 'env', pairs: [{ key: 'A', value: 'b=c' }], isLegacy: true }],
    [
      'ENV A="b c" D=e\\ f \'G\'=h',
      {
        kind: 'env',
        pairs: [
          { key: 'A', value: '"b c"' },
          { key: 'D', value: 'e\\ f' },
          { key: "'G'", value: 'h' },
        ],
      },
    ],
    ['ENV A="b\\"c d"', { kind: 'env', pairs: [{ key: 'A', value: '"b\\"c d"' }] }],
    [
      "ENV A='b\\' C=d",
      {
        kind: 'env',
        pairs: [
          { key: 'A', value: "'b\\'" },
          { key: 'C', value: 'd' },
        ],
      },
    ],
    ['ENV A=b=c', { kind: 'env', pairs: [{ key: 'A', value: 'b=c' }] }],
    [
      'LABEL "a b"="c d" e=f',
      {
        kind: 'label',
        pairs: [
          { key: '"a b"', value: '"c d"' },
          { key: 'e', value: 'f' },
        ],
      },
    ],
    ['LABEL a b', { kind: 'label', pairs: [{ key: 'a', value: 'b' }], isLegacy: true }],
    ['ARG A', { kind: 'arg', pairs: [{ key: 'A' }] }],
    [
      'ARG A=1 B C="x y"',
      { kind: 'arg', pairs: [{ key: 'A', value: '1' }, { key: 'B' }, { key: 'C', value: '"x y"' }] },
    ],
    ['EXPOSE 80 443/tcp  53/udp', { kind: 'expose', words: ['443/tcp', '53/udp', '80'] }],
    ['VOLUME /a /b', { kind: 'volume', words: ['/a', '/b'] }],
    ['VOLUME ["/a", " /b c "]', { kind: 'volume', words: ['/a', '/b c'] }],
    ['USER a b', { kind: 'user', value: 'a b' }],
    ['WORKDIR /a b', { kind: 'workdir', value: '/a b' }],
    ['STOPSIGNAL SIGTERM', { kind: 'stopsignal', value: 'SIGTERM' }],
    ['MAINTAINER a <b@c>', { kind: 'maintainer', value: 'a <b@c>' }],
    ['COPY a b c/', { kind: 'copy', sources: [path('a'), path('b')], destination: 'c/' }],
    ['COPY ["a b", "c"]', { kind: 'copy', sources: [path('a b')], destination: 'c' }],
    ['COPY "a b" c', { kind: 'copy', sources: [path('"a'), path('b"')], destination: 'c' }],
    [
      'COPY --from=x --chown=1:2 --chmod=u+x --link --parents --exclude=*.a --exclude=b s d',
      {
        kind: 'copy',
        sources: [path('s')],
        destination: 'd',
        from: 'x',
        chown: '1:2',
        chmod: 'u+x',
        link: true,
        parents: true,
        excludes: ['*.a', 'b'],
      },
    ],
    ['COPY --link=false a b', { kind: 'copy', sources: [path('a')], destination: 'b' }],
    ['COPY --link=TRUE a b', { kind: 'copy', sources: [path('a')], destination: 'b', link: true }],
    ['COPY --chown="a b" c d', { kind: 'copy', sources: [path('c')], destination: 'd', chown: 'a b' }],
    ['COPY --chown=a\\ b c d', { kind: 'copy', sources: [path('c')], destination: 'd', chown: 'a b' }],
    [
      'ADD --keep-git-dir --checksum=sha256:1 --unpack=true https://x y',
      {
        kind: 'add',
        sources: [path('https://x')],
        destination: 'y',
        checksum: 'sha256:1',
        keepGitDir: true,
        unpack: true,
      },
    ],
    ['HEALTHCHECK NONE', { kind: 'healthcheck' }],
    ['HEALTHCHECK --interval=5s none', { kind: 'healthcheck' }],
    ['HEALTHCHECK CMD a b', { kind: 'healthcheck', command: shell('a b') }],
    ['HEALTHCHECK cmd ["a"]', { kind: 'healthcheck', command: exec('a') }],
    [
      'HEALTHCHECK --interval=1m30s --timeout=1.5s --start-period=2h --start-interval=500ms --retries=3 CMD x',
      {
        kind: 'healthcheck',
        command: shell('x'),
        intervalNs: 90e9,
        timeoutNs: 1.5e9,
        startPeriodNs: 7200e9,
        startIntervalNs: 5e8,
        retries: 3,
      },
    ],
    ['HEALTHCHECK --interval=0s --retries=0 CMD x', { kind: 'healthcheck', command: shell('x') }],
    ['ONBUILD RUN a', { kind: 'onbuild', inner: 'RUN a', instruction: run('a') }],
    [
      'onbuild   copy a b',
      { kind: 'onbuild', inner: 'copy a b', instruction: { kind: 'copy', sources: [path('a')], destination: 'b' } },
    ],
  ]
  for (const [text, want] of cases) it(text, () => assert.deepEqual(instruction(text), want))
})

describe('lines', () => {
  const cases: readonly { name: string; text: string; want: unknown }[] = [
    { name: 'go on behind the escape', text: 'RUN a \\\n  b', want: [run('a   b')] },
    { name: 'go on with blanks behind the escape', text: 'RUN a \\ \t\n b', want: [run('a  b')] },
    { name: 'do not go on behind an escaped escape', text: 'RUN a \\\\\nRUN b', want: [run('a \\\\'), run('b')] },
    { name: 'join words without a blank', text: 'RUN a\\\nb', want: [run('ab')] },
    { name: 'lose comments between them', text: 'RUN a \\\n# c\n  # d \\\n b', want: [run('a  b')] },
    { name: 'pass over empty ones between them', text: 'RUN a \\\n\n  \n b', want: [run('a  b')] },
    { name: 'end with the file', text: 'RUN a \\', want: [run('a')] },
    { name: 'end with CRLF', text: 'RUN a \\\r\n b\r\nRUN c\r\n', want: [run('a  b'), run('c')] },
    { name: 'keep # that does not begin them', text: 'RUN a # b', want: [run('a # b')] },
    { name: 'may begin with nothing but the escape', text: '\\\nRUN a', want: [run('a')] },
    { name: 'keep quotes across them', text: 'RUN echo "a \\\n b"', want: [run('echo "a  b"')] },
    { name: 'take blanks of other scripts for no separator', text: 'RUN a\u3000b', want: [run('a\u3000b')] },
    {
      name: 'go on within flags',
      text: 'RUN --network=none \\\n a',
      want: [{ ...(run('a') as object), network: 'none' }],
    },
    { name: 'go on within JSON', text: 'RUN ["a", \\\n "b"]', want: [{ kind: 'run', command: exec('a', 'b') }] },
  ]
  for (const { name, text, want } of cases) it(name, () => assert.deepEqual(instructions(text), want))

  it('drops a byte order mark', () => assert.equal(parse('\ufeffFROM a').stages.length, 1))
  it('notes empty continuation lines at the last line', () => {
    const { notes } = parse('FROM a\nRUN a \\\n\n b\nRUN c \\\n # d\n e')
    assert.deepEqual(
      notes.map(({ rule, range }) => [rule, range.line]),
      [['NoEmptyContinuation', 4]],
    )
  })
  it('keeps comments right above an instruction', () => {
    const { stages, globalArgs } = parse('# a\nARG x\n\n#b\n\n#  c\nFROM a\n# d\n#\n# e\nRUN x\nRUN y')
    assert.deepEqual(globalArgs[0]?.comments, ['a'])
    assert.deepEqual(stages[0]?.from.comments, ['b', 'c'])
    assert.deepEqual(
      stages[0]?.instructions.map(({ comments }) => comments),
      [['e'], []],
    )
  })
  it('keeps the text for names of steps', () => {
    const texts = parse('FROM a as B\nrun  x \\\n   y\ncopy <<E /a\nz\nE').stages[0]?.instructions.map(
      ({ text }) => text,
    )
    assert.deepEqual(texts, ['RUN  x    y', 'COPY <<E /a'])
  })
})

describe('directives', () => {
  it('reads all three', () => {
    const { directives } = parse('# syntax = docker/dockerfile:1 # x\n#escape=`\n# CHECK=skip=A,B // c\nFROM a')
    assert.equal(directives.syntax?.text, 'docker/dockerfile:1 # x')
    assert.equal(directives.escape, '`')
    assert.deepEqual(directives.check, { skip: ['A', 'B'], error: false, experimental: [] })
  })
  it('reads the options of checks', () => {
    const { directives } = parse('# check=skip=A,B;error=true;experimental=all\nFROM a')
    assert.deepEqual(directives.check, { skip: ['A', 'B'], error: true, experimental: ['all'] })
  })
  it('ends at an empty line, a comment or an unknown one', () => {
    for (const text of ['\n', '# comment\n', '# other=x\n', 'ARG a\n']) {
      assert.equal(parse(`${text}# escape=\`\nFROM a`).directives.escape, '\\', JSON.stringify(text))
    }
  })
  it('passes over a first line with #!', () => {
    const { directives } = parse('#!/usr/bin/x\n# check=error=true\n# escape=`\nFROM a')
    assert.equal(directives.check?.error, true)
    assert.equal(directives.escape, '\\')
  })
  it('escapes with a backquote', () => {
    const { stages } = parse('# escape=`\nFROM a\nRUN a `\n b\nCOPY c:\\ d')
    assert.equal(stages[0]?.instructions.length, 2)
  })
})

describe('heredocs', () => {
  const heredocs = (text: string) => parse(`FROM a\n${text}`).stages[0]?.instructions.flatMap((item) => item.heredocs)
  const cases: readonly { name: string; text: string; want: readonly (readonly [string, string, boolean])[] }[] = [
    { name: 'a plain one', text: 'RUN <<EOF\na\n b\nEOF', want: [['EOF', 'a\n b\n', true]] },
    { name: 'an empty one', text: 'RUN <<EOF\nEOF', want: [['EOF', '', true]] },
    { name: 'blanks before the delimiter', text: 'RUN << EOF\na\nEOF', want: [['EOF', 'a\n', true]] },
    { name: 'quoted', text: 'RUN <<"EOF"\n$a\nEOF', want: [['EOF', '$a\n', false]] },
    { name: 'quoted in part', text: "RUN <<E'O'F\n$a\nEOF", want: [['EOF', '$a\n', false]] },
    { name: 'tabs dropped', text: 'RUN <<-EOF\n\t\ta\n\t b\n\tEOF', want: [['EOF', 'a\n b\n', true]] },
    { name: 'tabs kept', text: 'RUN <<EOF\n\ta\n\tEOF\nEOF', want: [['EOF', '\ta\n\tEOF\n', true]] },
    {
      name: 'two',
      text: 'RUN a <<A 3<<B\n1\nA\n2\nB',
      want: [
        ['A', '1\n', true],
        ['B', '2\n', true],
      ],
    },
    {
      name: 'comments, escapes and empty lines are content',
      text: 'RUN <<E\n# a\n\nb \\\nE',
      want: [['E', '# a\n\nb \\\n', true]],
    },
    { name: 'CRLF stays in the content', text: 'RUN <<E\r\na\r\nE\r\n', want: [['E', 'a\r\n', true]] },
    { name: 'an end with a blank is none', text: 'RUN <<E\nE \nE', want: [['E', 'E \n', true]] },
    {
      name: 'COPY',
      text: 'COPY <<a <<b /d/\n1\na\n2\nb',
      want: [
        ['a', '1\n', true],
        ['b', '2\n', true],
      ],
    },
    { name: 'ADD', text: 'ADD <<a /d\n1\na', want: [['a', '1\n', true]] },
    { name: 'ONBUILD', text: 'ONBUILD RUN <<a\n1\na', want: [['a', '1\n', true]] },
    { name: 'behind the continuation', text: 'RUN <<E \\\n cat\na\nE', want: [['E', 'a\n', true]] },
    { name: 'none in quotes', text: 'RUN echo "<<EOF"', want: [] },
    { name: 'none escaped', text: 'RUN echo \\<<EOF', want: [] },
    { name: 'none in a here-string', text: 'RUN cat <<<EOF', want: [] },
    { name: 'none without a delimiter', text: 'RUN cat <<', want: [] },
    { name: 'none in JSON', text: 'RUN ["cat", "<<EOF"]', want: [] },
    { name: 'none in other instructions', text: 'CMD cat <<EOF', want: [] },
    { name: 'none when a quote is open', text: "RUN echo it's <<EOF", want: [] },
    { name: 'none for shifts', text: 'RUN echo $((1<<2))', want: [] },
  ]
  for (const { name, text, want } of cases) {
    it(name, () => {
      assert.deepEqual(
        heredocs(text)?.map((heredoc) => [heredoc.name, heredoc.content, heredoc.expands]),
        want,
      )
    })
  }

  it('are sources of COPY', () => {
    assert.deepEqual(instruction('COPY <<-a b /d/\n\tx\n\ta'), {
      kind: 'copy',
      sources: [{ kind: 'heredoc', heredoc: { name: 'a', content: 'x\n', raw: '\tx\n', expands: true } }, path('b')],
      destination: '/d/',
    })
  })
  it('belong to an ONBUILD trigger, which can be read again', () => {
    const [onbuild] = parse('FROM a\nONBUILD RUN cat <<-E\n\tx\n\tE').stages[0]?.instructions ?? []
    assert.ok(onbuild?.kind === 'onbuild')
    assert.equal(onbuild.inner, 'RUN cat <<-E\n\tx\nE')
    assert.deepEqual(parseTrigger(onbuild.inner, 'x').heredocs[0]?.content, 'x\n')
  })
})

describe('stages', () => {
  it('are named in lower case, and counted', () => {
    const { stages, globalArgs } = parse(
      'ARG A=1\nFROM --platform=linux/amd64 a AS Web\nRUN x\nfrom web\nFROM b as x-1_2.z',
    )
    assert.deepEqual(
      stages.map(({ index, name, from }) => [index, name, from.image.text, from.platform?.text]),
      [
        [0, 'web', 'a', 'linux/amd64'],
        [1, undefined, 'web', undefined],
        [2, 'x-1_2.z', 'b', undefined],
      ],
    )
    assert.equal(globalArgs.length, 1)
    assert.equal(stages[0]?.instructions.length, 1)
  })
})
