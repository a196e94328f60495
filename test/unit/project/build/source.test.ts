/** What the text of a build context means. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSource } from '../../../../src/project/build/source.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`

const CASES: readonly { readonly name: string; readonly input: string; readonly want: object }[] = [
  { name: 'a folder', input: '/work/web', want: { kind: 'path', path: '/work/web' } },
  { name: 'a folder whose name ends in .git', input: '/work/web.git', want: { kind: 'path', path: '/work/web.git' } },
  {
    name: 'git over https',
    input: 'https://example.org/a.git',
    want: { kind: 'git', url: 'https://example.org/a.git' },
  },
  {
    name: 'with branch and folder',
    input: 'https://example.org/a.git#v1:src',
    want: { kind: 'git', url: 'https://example.org/a.git#v1:src' },
  },
  {
    name: 'git over ssh',
    input: 'git@example.org:a/b.git#v1',
    want: { kind: 'git', url: 'git@example.org:a/b.git#v1' },
  },
  { name: 'as scp writes it', input: 'me@host.example:a/b', want: { kind: 'git', url: 'me@host.example:a/b' } },
  { name: 'git protocol', input: 'git://example.org/a', want: { kind: 'git', url: 'git://example.org/a' } },
  { name: 'ssh URL', input: 'ssh://git@example.org/a', want: { kind: 'git', url: 'ssh://git@example.org/a' } },
  { name: 'github', input: 'github.com/a/b', want: { kind: 'git', url: 'https://github.com/a/b' } },
  { name: 'a tar', input: 'https://example.org/a.tar.gz', want: { kind: 'http', url: 'https://example.org/a.tar.gz' } },
  {
    name: '.git in the query only',
    input: 'https://e.org/x?y=a.git',
    want: { kind: 'http', url: 'https://e.org/x?y=a.git' },
  },
  { name: 'an image', input: 'docker-image://web:1', want: { kind: 'image', reference: 'web:1' } },
  { name: 'a service', input: 'service:base', want: { kind: 'service', service: 'base' } },
  { name: 'a layout', input: 'oci-layout:///l', want: { kind: 'oci-layout', path: '/l' } },
  {
    name: 'a layout with a tag',
    input: 'oci-layout:///l:v1',
    want: { kind: 'oci-layout', path: '/l', reference: 'v1' },
  },
  {
    name: 'a layout with a digest',
    input: `oci-layout:///l@${DIGEST}`,
    want: { kind: 'oci-layout', path: '/l', reference: DIGEST },
  },
]

for (const { name, input, want } of CASES) test(name, () => assert.deepEqual(parseSource(input), want))
