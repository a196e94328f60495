import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createIgnore, createPathPatterns } from '../../../../../src/engine/build/ignore/ignore.ts'

describe('one pattern', () => {
  const cases: readonly (readonly [pattern: string, path: string, want: boolean])[] = [
    ['foo', 'foo', true],
    ['foo', 'foo/bar', true],
    ['foo', 'bar/foo', false],
    ['foo/', 'foo', true],
    ['./foo', 'foo', true],
    ['/foo', 'foo', true],
    ['a/../foo', 'foo', true],
    ['*.go', 'main.go', true],
    ['*.go', 'src/main.go', false],
    ['*', 'a', true],
    ['*', 'a/b', true],
    ['*/b', 'a/b', true],
    ['*/b', 'b', false],
    ['**', 'dir/file', true],
    ['**/', 'file', true],
    ['**/**', 'dir/file', true],
    ['dir/**', 'dir', false],
    ['dir/**', 'dir/a/b', true],
    ['**/dir', 'dir', true],
    ['**/dir', 'dir/file', true],
    ['**/dir', 'a/b/dir/file', true],
    ['**/dir', 'a/adir', false],
    ['**/dir2/*', 'dir/dir2/file', true],
    ['**/dir2/**', 'dir/dir2/dir3/file', true],
    ['**file', 'dir/dir/file', true],
    ['**file', 'myfile', true],
    ['**file*', 'myfile1', false],
    ['**/file*txt', 'dir/dir/file.txt', true],
    ['**/**/*.txt', 'dir/dir/file.txt', true],
    ['**/**/*.txt', 'file.txt', true],
    ['**/**/*.txt2', 'dir/dir/file.txt', false],
    ['a**/*.txt', 'a/file.txt', true],
    ['a**/*.txt', 'a/dir/dir/file.txt', true],
    ['a/*.txt', 'a/dir/file.txt', false],
    ['a/*.txt**', 'a/file.txt', true],
    ['a**', 'abc/def', true],
    ['a[b-d]e', 'ace', true],
    ['a[b-d]e', 'ae', false],
    ['a[^b-d]e', 'aze', true],
    ['.*', '.foo', true],
    ['.*', 'foo', false],
    ['abc.def', 'abcZdef', false],
    ['abc?def', 'abcZdef', true],
    ['a\\\\', 'a\\', true],
    ['a\\*b', 'a*b', true],
    ['**/.foo', 'bar.foo', false],
    ['a(b)c/def', 'a(b)c/def', true],
    ['dist/*.whl', 'dist/a-2.4.0rc3+g0-none.whl', true],
    ['  foo  ', 'foo', true],
    ['#foo', '#foo', false],
    [' #foo', '#foo', true],
    ['\\#foo', '#foo', true],
    ['../foo', 'foo', false],
    ['.', 'foo', false],
    ['/', 'foo', false],
    ['', 'foo', false],
  ]
  for (const [pattern, path, want] of cases) {
    it(`"${pattern}" ${want ? 'ignores' : 'leaves'} ${path}`, () => {
      assert.equal(createIgnore(`${pattern}\r\n`).isIgnored(path, false), want)
    })
  }
})

describe('several patterns', () => {
  const cases: readonly (readonly [patterns: readonly string[], path: string, want: boolean])[] = [
    [['*.md', '!README.md'], 'README.md', false],
    [['!README.md', '*.md'], 'README.md', true],
    [['docs', '!docs/README.md'], 'docs/README.md', false],
    [['docs', '!docs/README.md'], 'docs/other.md', true],
    [['docs/*', '!docs/README.md'], 'docs/README.md', false],
    [['docs', '! docs/a'], 'docs/a/b', false],
    [['**', '!src'], 'src/a/b', false],
    [['**', '!util/docker/web', 'util/docker/web/foo'], 'util/docker/web/foo', true],
    [['**', '!util/docker/web', 'util/docker/web/foo'], 'util/docker/web/bar', false],
    [['*', '!**/*.ts'], 'a/b/c.ts', false],
    [['*', '!**/*.ts'], 'a/b/c.js', true],
    // An exception that holds for the folder when nothing has to be taken back is not handed down.
    [['a/b', '!a'], 'a/b', true],
    [['a', '!a/b', 'a/b/c'], 'a/b/c', true],
    [['a', '!a/b', 'a/b/c'], 'a/b/d', false],
  ]
  for (const [patterns, path, want] of cases) {
    it(`${patterns.join(' ')} ${want ? 'ignores' : 'leaves'} ${path}`, () => {
      assert.equal(createIgnore(patterns.join('\n')).isIgnored(path, false), want)
    })
  }
})

describe('walking', () => {
  const cases: readonly (readonly [patterns: readonly string[], folder: string, want: boolean])[] = [
    [['a'], 'a', false],
    [['a', '!a/b'], 'a', true],
    [['a', '!a/b/c'], 'a/b', true],
    [['a', '!b/c'], 'a', false],
    [['a', '!ab/c'], 'a', false],
    [['a', '!a/**'], 'a', true],
    [['a', '!b/**'], 'a', false],
    [['a', '!**/c'], 'a', true],
    [['a', '!b/*.c'], 'a', true],
  ]
  for (const [patterns, folder, want] of cases) {
    it(`${patterns.join(' ')}: ${want ? 'looks below' : 'passes by'} ${folder}`, () => {
      assert.equal(createIgnore(patterns.join('\n')).mayIncludeBelow(folder), want)
    })
  }
})

describe('the file', () => {
  it('may begin with a byte order mark and holds comments', () => {
    const ignore = createIgnore('\ufefftest1\n/test2\n/a/file/here\n\nlast\n# comment\n! /not/this\n')
    assert.deepEqual(ignore.patterns, ['test1', 'test2', 'a/file/here', 'last', '!not/this'])
    assert.equal(ignore.hasExceptions, true)
  })
  for (const line of ['!', '! ', '[', 'a[b']) {
    it(`refuses "${line}" with its line`, () => {
      assert.throws(() => createIgnore(`a\n${line}`, 'web/.dockerignore'), {
        code: 'DOCKERIGNORE_SYNTAX',
        location: { file: 'web/.dockerignore', line: 2, column: 1 },
      })
    })
  }
  it('takes bounded time', () => {
    const ignore = createIgnore(`${'**/a*'.repeat(30)}b`)
    assert.equal(ignore.isIgnored(`${'a/'.repeat(500)}a`, false), false)
  })
})

describe('patterns of flags', () => {
  it('know neither comments nor a leading "/"', () => {
    assert.equal(createPathPatterns(['#a']).matches('#a'), true)
    assert.equal(createPathPatterns(['/a']).matches('a'), false)
    assert.equal(createPathPatterns(['*.o', '!keep.o']).matches('keep.o'), false)
  })
})
