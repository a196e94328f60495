import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sourceFile } from '../../../src/compose/source-file.ts'
import { parseDotenv, parseRawEnv } from '../../../src/compose/dotenv.ts'
import { lookupIn } from '../../../src/compose/interpolate.ts'
import { createProblems } from '../../../src/compose/problems.ts'
import { places } from './support.ts'

const SHELL = lookupIn({ SHELL_ONLY: 'shell', HOME: '/root' })

function parse(text: string): { values: Record<string, string>; errors: string[]; warnings: string[] } {
  const problems = createProblems()
  const values = parseDotenv(sourceFile('.env', text), SHELL, problems)
  return { values, errors: places(problems.errors), warnings: places(problems.warnings) }
}

const CASES: readonly { name: string; input: string; want: Record<string, string> }[] = [
  { name: 'nothing', input: '', want: {} },
  { name: 'blank lines and comments', input: '\n  # c\n\nA=1\n#B=2\n', want: { A: '1' } },
  { name: 'a byte order mark', input: '\uFEFFA=1', want: { A: '1' } },
  { name: 'Windows line ends', input: 'A=1\r\nB="x\r\ny"\r\n', want: { A: '1', B: 'x\r\ny' } },
  { name: 'an assignment behind a quote', input: 'A="1"B=2\nC=\'3\' NOT_THERE', want: { A: '1', B: '2', C: '3' } },
  { name: 'export', input: 'export A=1\nexport\tB=2', want: { A: '1', B: '2' } },
  { name: 'a colon', input: 'A: 1\nB:2', want: { A: '1', B: '2' } },
  { name: 'blanks around the separator', input: 'A = 1 ', want: { A: '1' } },
  { name: 'special characters in keys', input: 'a.b-c[0]_ä=1', want: { 'a.b-c[0]_ä': '1' } },
  { name: 'an empty value', input: 'A=\nB=""\nC=\'\'', want: { A: '', B: '', C: '' } },
  { name: 'a key alone inherits', input: 'HOME\nNOT_THERE', want: { HOME: '/root' } },
  {
    name: 'a comment after a value',
    input: 'A=1 # c\nB=1#c\nC=#c\nD="1" # c',
    want: { A: '1', B: '1#c', C: '', D: '1' },
  },
  { name: 'a hash inside quotes', input: 'A="a # b"\nB=\'a # b\'', want: { A: 'a # b', B: 'a # b' } },
  { name: 'equals signs in a value', input: 'A=b=c==', want: { A: 'b=c==' } },
  { name: 'several lines', input: 'A="1\n2"\nB=\'3\n4\'\nC=5', want: { A: '1\n2', B: '3\n4', C: '5' } },
  { name: 'escapes', input: String.raw`A="a\nb\tc\\d\"e\$HOME\0101"`, want: { A: 'a\nb\tc\\d"e$HOMEA' } },
  { name: 'unknown escapes stay', input: String.raw`A="\w\."`, want: { A: String.raw`\w\.` } },
  { name: 'single quotes are literal', input: String.raw`A='$HOME \n it\'s'`, want: { A: String.raw`$HOME \n it's` } },
  {
    name: 'interpolation',
    input: 'A=x\nB=$A-${A}\nC="${A}y"\nD=${NO:-d}',
    want: { A: 'x', B: 'x-x', C: 'xy', D: 'd' },
  },
  { name: 'the shell is asked first', input: 'HOME=/other\nA=$HOME', want: { HOME: '/other', A: '/root' } },
  { name: 'the last of equal keys', input: 'A=1\nA=2', want: { A: '2' } },
  { name: 'words of JavaScript are no variables', input: 'A=x${constructor:-d}\nvalueOf', want: { A: 'xd' } },
  { name: 'JSON', input: 'A={"a": 1}', want: { A: '{"a": 1}' } },
]

for (const { name, input, want } of CASES) {
  test(`dotenv: ${name}`, () => {
    assert.deepEqual(parse(input), { values: want, errors: [], warnings: [] })
  })
}

const ERRORS: readonly { name: string; input: string; want: string[] }[] = [
  { name: 'a blank in a key', input: 'A=1\nbad key=2', want: ['DOTENV_SYNTAX 2:1'] },
  { name: 'a strange key', input: 'a%b=1', want: ['DOTENV_SYNTAX 1:1'] },
  { name: 'an open double quote', input: 'A=1\nB="x\ny', want: ['DOTENV_SYNTAX 2:3'] },
  { name: 'words behind a quote', input: 'A="1" b c', want: ['DOTENV_SYNTAX 1:7'] },
  { name: 'an open single quote', input: "B='x", want: ['DOTENV_SYNTAX 1:3'] },
  { name: 'a bad template', input: 'A=${x', want: ['INTERPOLATION_INVALID 1:3'] },
  { name: 'a required variable', input: 'A=${X?}', want: ['VARIABLE_REQUIRED 1:3'] },
  { name: 'every bad line', input: 'a b=1\nc d=2', want: ['DOTENV_SYNTAX 1:1', 'DOTENV_SYNTAX 2:1'] },
]

for (const { name, input, want } of ERRORS) {
  test(`dotenv: ${name} is refused`, () => {
    assert.deepEqual(parse(input).errors, want)
  })
}

test('dotenv: no text makes it throw', () => {
  const piece = fc.constantFrom('A', '=', ':', '"', "'", '\\', '\n', '\r', ' ', '#', '$', '{', '}', 'export ', '\0')
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(piece).map((parts) => parts.join('')),
        fc.string(),
      ),
      (text) => {
        parse(text)
      },
    ),
  )
})

test('format raw takes lines as they are', () => {
  const problems = createProblems()
  const text = '# c\nA="x" # y\nB=$A\nHOME\nNOT_THERE\n C=1\r\nD=\n'
  assert.deepEqual(parseRawEnv(sourceFile('e', text), SHELL, problems), {
    A: '"x" # y',
    B: '$A',
    HOME: '/root',
    C: '1',
    D: '',
  })
  assert.deepEqual(problems.errors, [])
})
