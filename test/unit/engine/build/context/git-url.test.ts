/** Addresses of git repositories: what they mean, and what is refused. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nameOfUrl } from '../../../../../src/engine/build/context/download.ts'
import { parseGitAddress, withoutPassword, type GitAddress } from '../../../../../src/engine/build/context/git-url.ts'

const PLAIN: Omit<GitAddress, 'remote' | 'host'> = {
  ref: undefined,
  folder: '',
  checksum: undefined,
  keepGitDir: undefined,
  hasSubmodules: true,
}

describe('parseGitAddress', () => {
  const rows: readonly (readonly [text: string, want: (Partial<GitAddress> & { remote: string }) | undefined])[] = [
    ['https://h.example/a.git', { remote: 'https://h.example/a.git', host: 'h.example' }],
    ['https://h.example:8/a.git#v1', { remote: 'https://h.example:8/a.git', host: 'h.example:8', ref: 'v1' }],
    [
      'https://h.example/a.git#feat/x:web/app/',
      { remote: 'https://h.example/a.git', host: 'h.example', ref: 'feat/x', folder: 'web/app' },
    ],
    ['https://h.example/a.git#:web', { remote: 'https://h.example/a.git', host: 'h.example', folder: 'web' }],
    ['git@h.example:o/a.git#main', { remote: 'git@h.example:o/a.git', host: 'h.example', ref: 'main' }],
    ['git@h.example:o/a', { remote: 'git@h.example:o/a', host: 'h.example' }],
    ['ssh://git@h.example/o/a', { remote: 'ssh://git@h.example/o/a', host: 'h.example' }],
    ['git://h.example/a', { remote: 'git://h.example/a', host: 'h.example' }],
    [
      'https://h.example/a.git?tag=v1&subdir=x&commit=0123456789&keep-git-dir=true&submodules=false&mtime=commit',
      {
        remote: 'https://h.example/a.git',
        host: 'h.example',
        ref: 'refs/tags/v1',
        folder: 'x',
        checksum: '0123456789',
        keepGitDir: true,
        hasSubmodules: false,
      },
    ],
    [
      'https://h.example/a.git?branch=b#refs/heads/b',
      { remote: 'https://h.example/a.git', host: 'h.example', ref: 'refs/heads/b' },
    ],
    ['https://h.example/a.tar.gz', undefined],
    ['./a.git', undefined],
    ['/srv/a.git', undefined],
    ['file:///srv/a.git', undefined],
    ['ext::sh -c x', undefined],
    ['a b', undefined],
  ]
  for (const [text, want] of rows)
    it(text, () => {
      const got = parseGitAddress(text)
      assert.deepEqual(
        got === undefined ? undefined : { ...got },
        want === undefined ? undefined : { ...PLAIN, ...want },
      )
    })

  for (const text of [
    'https://h/a.git#-x',
    'https://h/a.git#a..b',
    'https://h/a.git#a b',
    'https://h/a.git#a%0ab',
    'https://h/a.git#main:../x',
    'https://h/a.git#main:x/.git',
    'https://h/a.git?x=1',
    'https://h/a.git?ref=a&ref=b',
    'https://h/a.git?ref=a#b',
    'https://h/a.git?tag=a&branch=a',
    'https://h/a.git?ref=',
    'https://h/a.git?commit=xyz',
    'https://h/a.git?mtime=never',
    'https://h/a.git?submodules=maybe',
    'ssh://-o/a.git',
    'ssh://h/-x',
    'git@-h:x',
    'https://h/a.git#%zz',
    'ssh://%zz@h/a',
    'git@h:-x',
    'git@h:a b',
  ])
    it(`refuses ${text}`, () => assert.throws(() => parseGitAddress(text), { code: 'GIT_URL' }))

  it('shows no password', () => {
    assert.equal(withoutPassword('https://me:secret@h/a.git'), 'https://xxxxx@h/a.git')
    assert.throws(
      () => parseGitAddress('https://me:secret@h/a.git#-x'),
      (error: Error) => !error.message.includes('secret'),
    )
  })
})

describe('nameOfUrl', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['https://h/a/b.tar.gz?x=/y', 'b.tar.gz'],
    ['https://h/', '__unnamed__'],
    ['https://h', '__unnamed__'],
    ['https://h/a%2f..%2fb', 'b'],
    ['https://h/%2e%2e', '__unnamed__'],
    ['https://h/a%00', '__unnamed__'],
    ['https://h/%zz', '%zz'],
  ]
  for (const [url, want] of rows) it(url, () => assert.equal(nameOfUrl(url), want))
})
