import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type ExpandOptions,
  expandHeredoc,
  expandWord,
  expandWords,
} from '../../../../../src/engine/build/dockerfile/expand.ts'
import { errorOf } from './support.ts'

const VARIABLES: Readonly<Record<string, string>> = {
  HOME: '/home',
  SHELL: 'bash',
  EMPTY: '',
  TWO: 'a  b',
  EDGES: ' a b ',
  PATHS: 'x/y/z.tar.gz',
  STARS: '**?y',
  REPEAT: 'xxyyxx',
  NEEDLE: '\\*/',
  GLOB: '/foo*/*/*.txt',
  SLASH: '/tmp/tmp/bar.txt',
  LINES: 'ab\ncb',
  GREEK: 'αβγ',
  한국: '대한',
  '1': 'one',
}

const lookup = (name: string): string | undefined => (Object.hasOwn(VARIABLES, name) ? VARIABLES[name] : undefined)
const SLASHED: ExpandOptions = { escape: '\\' }

function table(title: string, cases: readonly (readonly [text: string, want: string])[]): void {
  describe(title, () => {
    for (const [text, want] of cases) {
      it(`${text} -> ${want}`, () => assert.equal(expandWord(text, lookup, SLASHED), want))
    }
  })
}

table('quotes and escapes', [
  ['plain', 'plain'],
  ["a'b'c", 'abc'],
  ["a\\'b", "a'b"],
  ['a\\tb', 'atb'],
  ['"a\\tb"', 'a\\tb'],
  ['"a\\\\tb"', 'a\\tb'],
  ["'a\\tb'", 'a\\tb'],
  ['end\\', 'end'],
  ['end\\\\', 'end\\'],
  ['"it\'s"', "it's"],
  ["'\\'", '\\'],
  ['"\'\'"', "''"],
  ['\'"x"\'', '"x"'],
  ["'$HOME'", '$HOME'],
  ['"$HOME"', '/home'],
  ['"a\'$HOME\'"', "a'/home'"],
  ['\\$HOME', '$HOME'],
  ['\\\\$HOME', '\\/home'],
  ['"\\$HOME"', '$HOME'],
  ['"\\\\$HOME"', '\\/home'],
  ['"\\"x\\""', '"x"'],
  ['\\${}', '${}'],
  ["안'녕'하세요", '안녕하세요'],
  ['a b\tc', 'a b\tc'],
  ['a << b', 'a << b'],
])

table('plain references', [
  ['$HOME', '/home'],
  ['a$HOME.', 'a/home.'],
  ['${HOME}x', '/homex'],
  ['$NONE', ''],
  ['a${NONE}b', 'ab'],
  ['$EMPTY.', '.'],
  ['$.', '$.'],
  ['a$', 'a$'],
  ['$1x', 'onex'],
  ['$12x', 'x'],
  ['${1}', 'one'],
  ['$0', ''],
  ['$@x', 'x'],
  ['$*$#$?$-$!', ''],
  ['$$HOME', 'HOME'],
  ['${@}${*}${#}${?}${-}${!}${$}', ''],
  ['$HOME_x', ''],
  ['$한국', '대한'],
  ['${NONE}}', '}'],
])

table('defaults and alternatives', [
  ['${NONE:-x}', 'x'],
  ['${EMPTY:-x}', 'x'],
  ['${HOME:-x}', '/home'],
  ['${NONE-x}', 'x'],
  ['${EMPTY-x}', ''],
  ['${NONE:+x}', ''],
  ['${EMPTY:+x}', ''],
  ['${HOME:+x}', 'x'],
  ['${NONE+x}', ''],
  ['${EMPTY+x}', 'x'],
  ['${HOME:?gone}', '/home'],
  ['${HOME?gone}', '/home'],
  ['${EMPTY?gone}', ''],
  ['${NONE:-$HOME}', '/home'],
  ['${NONE:-${ALSO:-y}}', 'y'],
  ['${HOME:+${SHELL}}', 'bash'],
  ['${HOME:+$HOME:}', '/home:'],
  ['${NONE:-\\$HOME:}', '$HOME:'],
  ['${NONE:-\\${HOME}z}', '${HOMEz}'],
  ['${NONE:-a {b}', 'a {b'],
  ['${NONE:-"a}b"}', 'a}b'],
  ['${NONE:-}', ''],
  ['${1:-x}${2:-y}', 'oney'],
  ['${#:-x}', 'x'],
  ['${+x}', ''],
])

table('prefixes and suffixes', [
  ['${PATHS#*/}', 'y/z.tar.gz'],
  ['${PATHS##*/}', 'z.tar.gz'],
  ['${PATHS%.*}', 'x/y/z.tar'],
  ['${PATHS%%.*}', 'x/y/z'],
  ['${PATHS#x}', '/y/z.tar.gz'],
  ['${PATHS#nothing}', 'x/y/z.tar.gz'],
  ['${PATHS#}', 'x/y/z.tar.gz'],
  ['${PATHS##}', 'x/y/z.tar.gz'],
  ['${PATHS%}', 'x/y/z.tar.gz'],
  ['${PATHS#*}', 'x/y/z.tar.gz'],
  ['${PATHS##*}', ''],
  ['${PATHS#?}', '/y/z.tar.gz'],
  ['${STARS#\\*}', '*?y'],
  ['${STARS%\\?y}', '**'],
  ['${STARS%%\\**}', ''],
  ['${REPEAT#*x*y}', 'yxx'],
  ['${REPEAT%y*}', 'xxy'],
  ['${REPEAT#$SHELL}', 'xxyyxx'],
  ['${REPEAT#$EMPTY}', 'xxyyxx'],
  ['${GREEK%γ}', 'αβ'],
  ['${GREEK#?}', 'βγ'],
  ['${LINES#*b}', '\ncb'],
  ['${LINES##*b}', '\ncb'],
  ['${NONE#x}', ''],
])

table('replacements', [
  ['${REPEAT/x/o}', 'oxyyxx'],
  ['${REPEAT//x/o}', 'ooyyoo'],
  ['${REPEAT//x}/}', 'xxyyxx'],
  ['${REPEAT/y*/.}', 'xx.'],
  ['${REPEAT//xx/}', 'yy'],
  ['${REPEAT///}', 'xxyyxx'],
  ['${REPEAT/$EMPTY/w}', 'wxxyyxx'],
  ['${EMPTY//x/y}', ''],
  ['${NONE///}', ''],
  ['${GLOB/$NEEDLE/.} - ${GLOB//$NEEDLE/.}', '/foo.*/*.txt - /foo..*.txt'],
  ['${SLASH//\\/tmp/}', '/bar.txt'],
  ['${SLASH//\\//_}', '_tmp_tmp_bar.txt'],
  ['${PATHS/.tar*/}', 'x/y/z'],
  ['${HOME/?home/$SHELL}', 'bash'],
  ['${REPEAT//y/$$}', 'xxxx'],
])

describe('errors of expansion', () => {
  const cases: readonly (readonly [text: string, want: RegExp])[] = [
    ["'open", /single quote/],
    ['"open', /double quote/],
    ['"open\\"', /double quote/],
    ["a\\\\'b", /single quote/],
    ['${', /missing "}"/],
    ['${HOME', /missing "}"/],
    ['${HOME:-x', /missing "}"/],
    ['${NONE:-a ${HOME}', /missing "}"/],
    ['${}', /bad substitution/],
    ['${{HOME}', /bad substitution/],
    ['${:-x}', /bad substitution/],
    ['${.}', /unsupported modifier \(\.\)/],
    ['${HOME:x}', /unsupported modifier \(:x\)/],
    ['${HOME:=x}', /unsupported modifier \(:=\)/],
    ['${HOME=x}', /unsupported modifier \(=\)/],
    ['${HOME:#x}', /unsupported modifier \(:#\)/],
    ['${HOME:%%x}', /unsupported modifier \(:%\)/],
    ['${NONE?}', /NONE: is not allowed to be unset/],
    ['${EMPTY:?}', /EMPTY: is not allowed to be empty/],
    ['${NONE:?say $SHELL}', /NONE: say bash/],
    ['${HOME#\\x}', /invalid pattern/],
    ['${HOME//x}', /missing "\/"/],
    ['${HOME/x/y', /missing "}"/],
    ['${A:-'.repeat(200), /nested deeper/],
  ]
  for (const [text, want] of cases) {
    it(text.slice(0, 30), () =>
      assert.match(
        errorOf(() => expandWord(text, lookup, SLASHED)),
        want,
      ),
    )
  }

  it('points into the word', () => {
    const lines = ['FROM x', 'ENV A=b${HOME:=x}']
    const range = { line: 2, column: 7, endLine: 2, endColumn: 18 }
    const where = { source: { file: 'Dockerfile', lines }, range }
    const error = errorOf(() => expandWord('b${HOME:=x}', lookup, { escape: '\\', where }))
    assert.equal(error, '2:8 DOCKERFILE_EXPANSION unsupported modifier (:=) in substitution')
  })
})

describe('words', () => {
  const cases: readonly (readonly [text: string, want: readonly string[]])[] = [
    ['80 443/tcp', ['80', '443/tcp']],
    ['x$TWO', ['xa', 'b']],
    ['x"$TWO"y', ['xa  by']],
    ['x${EDGES}y', ['x', 'a', 'b', 'y']],
    ['x$EDGES', ['x', 'a', 'b']],
    ['"x $TWO" y', ['x a  b', 'y']],
    ['a\\ b', ['a b']],
    ['$NONE "" \'\'', []],
    ['80${NONE:-81}2 3', ['80812', '3']],
    ['cat << EOF', ['cat', '<< EOF']],
    ['a\u0085b', ['a', 'b']],
  ]
  for (const [text, want] of cases) {
    it(text, () => assert.deepEqual(expandWords(text, lookup, SLASHED), want))
  }
})

describe('other ways to expand', () => {
  it('takes the backquote as escape', () => {
    assert.equal(expandWord('a`$HOME \\$HOME', lookup, { escape: '`' }), 'a$HOME \\/home')
  })
  it('keeps quotes, and what is not set', () => {
    const text = `echo "$HOME" '$HOME' $NONE \${NONE:-x} \${NONE} \${NONE/a/b}`
    const want = `echo "/home" '$HOME' $NONE \${NONE:-x} \${NONE} \${NONE/a/b}`
    assert.equal(expandWord(text, lookup, { escape: '\\', quotes: 'keep', keepsUnset: true }), want)
  })
  it('expands heredocs with quotes as plain characters', () => {
    assert.equal(expandHeredoc(`"$HOME" '$SHELL' \\$HOME it's`, lookup, undefined), `"/home" 'bash' $HOME it's`)
  })
  it('asks for each variable that counts', () => {
    const asked: string[] = []
    expandWord('${A:-$B} $C ${D+$E}', (name) => void asked.push(name), SLASHED)
    assert.deepEqual(asked, ['B', 'A', 'C', 'E', 'D'])
  })
})
