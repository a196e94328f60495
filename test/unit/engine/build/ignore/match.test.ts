import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BadPatternError } from '../../../../../src/engine/build/ignore/glob-tokens.ts'
import { matchPath } from '../../../../../src/engine/build/ignore/match.ts'

describe('matchPath', () => {
  const cases: readonly (readonly [pattern: string, path: string, want: boolean])[] = [
    ['abc', 'abc', true],
    ['abc', 'abcd', false],
    ['', '', true],
    ['', 'a', false],
    ['*', 'abc', true],
    ['*', '', true],
    ['*', 'a/b', false],
    ['*c', 'abc', true],
    ['a*', 'a', true],
    ['a*', 'ab/c', false],
    ['a*/b', 'abc/b', true],
    ['a*/b', 'a/c/b', false],
    ['a*b*c*d*e*/f', 'axbxcxdxe/f', true],
    ['a*b*c*d*e*/f', 'axbxcxdxexxx/fff', false],
    ['a*b?c*x', 'abxbbxdbxebxczzx', true],
    ['a*b?c*x', 'abxbbxdbxebxczzy', false],
    ['**', 'a/b', false],
    ['a/**', 'a/b', true],
    ['ab[c]', 'abc', true],
    ['ab[b-d]', 'abc', true],
    ['ab[e-g]', 'abc', false],
    ['ab[^c]', 'abc', false],
    ['ab[^e-g]', 'abc', true],
    ['ab[!c]', 'ab!', true],
    ['a[^b]c', 'a/c', true],
    ['[d-a]', 'b', false],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'ab', false],
    ['a?b', 'a☺b', true],
    ['a?b', 'a😀b', true],
    ['a???b', 'a☺b', false],
    ['[a-ζ]*', 'α', true],
    ['*[a-ζ]', 'A', false],
    ['a?b', 'a/b', false],
    ['[\\]a]', ']', true],
    ['[\\-x]', '-', true],
    ['[x\\-]', 'z', false],
    ['[*?]', '?', true],
    ['*x', 'xxx', true],
    ['a^b*', 'a^b1', true],
    ['a.b(c)+|$', 'a.b(c)+|$', true],
  ]
  for (const [pattern, path, want] of cases) {
    it(`${pattern} ${want ? 'matches' : 'does not match'} ${path}`, () => assert.equal(matchPath(pattern, path), want))
  }

  for (const pattern of ['[]a]', '[-]', '[x-]', '[-x]', '\\', 'a\\', '[a-b-c]', '[', '[^', '[^bc', 'a[', '[\\']) {
    it(`${pattern} is none`, () => assert.throws(() => matchPath(pattern, 'a'), BadPatternError))
  }

  it('takes bounded time', () => assert.equal(matchPath('*a'.repeat(50), `${'a'.repeat(1000)}b`), false))
})
