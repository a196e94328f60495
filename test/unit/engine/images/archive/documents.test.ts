import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  checkLayoutVersion,
  nameOfEntry,
  parseDockerManifest,
  toDocuments,
} from '../../../../../src/engine/images/archive/documents.ts'
import { memberName } from '../../../../../src/engine/images/archive/spool.ts'

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const digest = (digit: string): string => `sha256:${digit.repeat(64)}`

describe('manifest.json', () => {
  test('names in full, absent lists are empty', () => {
    assert.deepEqual(
      parseDockerManifest(
        json([{ Config: 'a.json', RepoTags: ['web', 'r.io/x/y:2'], Layers: ['l'] }, { Config: 'b' }]),
      ),
      [
        { config: 'a.json', tags: ['docker.io/library/web:latest', 'r.io/x/y:2'], layers: ['l'] },
        { config: 'b', tags: [], layers: [] },
      ],
    )
  })
  for (const [name, value] of [
    ['no JSON', Buffer.from('{')],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['an object', json({})],
    ['null in it', json([null])],
    ['no Config', json([{ Layers: [] }])],
    ['a Config that is no text', json([{ Config: 1 }])],
    ['numbers for layers', json([{ Config: 'a', Layers: [1] }])],
    ['more than 500 layers', json([{ Config: 'a', Layers: Array.from({ length: 501 }, () => 'l') }])],
    ['a name that is none', json([{ Config: 'a', RepoTags: ['A B'] }])],
    ['a digest for a tag', json([{ Config: 'a', RepoTags: [`web@${digest('0')}`] }])],
    ['more than 1000 images', json(Array.from({ length: 1001 }, () => ({ Config: 'a' })))],
  ] as const)
    test(`${name}: refused`, () => assert.throws(() => parseDockerManifest(value), { code: 'ARCHIVE_INVALID' }))
})

describe('oci-layout and index.json', () => {
  test('version', () => {
    checkLayoutVersion(json({ imageLayoutVersion: '1.0.0' }))
    for (const value of [null, {}, { imageLayoutVersion: '2.0.0' }, { imageLayoutVersion: 1 }])
      assert.throws(() => checkLayoutVersion(json(value)), { code: 'ARCHIVE_INVALID' })
  })
  for (const { annotations, want } of [
    { annotations: { 'io.containerd.image.name': 'docker.io/library/web:1' }, want: 'docker.io/library/web:1' },
    { annotations: { 'org.opencontainers.image.ref.name': 'team/web:1' }, want: 'docker.io/team/web:1' },
    { annotations: { 'org.opencontainers.image.ref.name': 'latest' }, want: undefined },
    { annotations: {}, want: undefined },
  ])
    test(`${JSON.stringify(annotations)} is ${want}`, () => assert.equal(nameOfEntry({ annotations }), want))
  test('a name that is none is refused', () => {
    assert.throws(() => nameOfEntry({ annotations: { 'io.containerd.image.name': '../x:1' } }), {
      code: 'ARCHIVE_INVALID',
    })
  })
})

describe('member names', () => {
  for (const [path, want] of [
    ['./a//b/', 'a/b'],
    ['a/./b', 'a/b'],
  ] as const)
    test(path, () => assert.equal(memberName(path), want))
  for (const path of ['/a', '../a', 'a/../../b', 'a/..'])
    test(`${path}: refused`, () => assert.throws(() => memberName(path), { code: 'ARCHIVE_INVALID' }))
})

test('documents of saved images', () => {
  const blob = (digit: string): { mediaType: string; digest: string; size: number } => ({
    mediaType: 'm',
    digest: digest(digit),
    size: 1,
  })
  const distribution = { manifest: blob('1'), layers: [blob('2'), blob('3')], repoDigests: [], indexes: [] }
  const documents = toDocuments(
    [
      { id: digest('a'), distribution, tags: ['docker.io/library/web:1', 'r.io/web:2'], partOf: [] },
      { id: digest('b'), distribution, tags: [], partOf: [] },
    ],
    [],
  )
  const read = (name: string): unknown => JSON.parse(documents.get(name)?.toString() ?? '')
  const path = (digit: string): string => `blobs/sha256/${digit.repeat(64)}`
  assert.deepEqual(read('manifest.json'), [
    { Config: path('a'), RepoTags: ['web:1', 'r.io/web:2'], Layers: [path('2'), path('3')] },
    { Config: path('b'), RepoTags: null, Layers: [path('2'), path('3')] },
  ])
  assert.deepEqual(read('repositories'), { web: { 1: '3'.repeat(64) }, 'r.io/web': { 2: '3'.repeat(64) } })
  assert.equal((read('index.json') as { manifests: object[] }).manifests.length, 3)
})

test('documents of a name with two platforms: an index for those who know them, the one it means for the others', () => {
  const blob = (digit: string): { mediaType: string; digest: string; size: number } => ({
    mediaType: 'm',
    digest: digest(digit),
    size: 1,
  })
  const distribution = (digit: string) => ({ manifest: blob(digit), layers: [], repoDigests: [], indexes: [] })
  const tag = 'r.io/web:1'
  const document = { bytes: Buffer.from('index'), mediaType: 'i', digest: digest('c') }
  const documents = toDocuments(
    [
      { id: digest('a'), distribution: distribution('1'), tags: [tag, 'r.io/own:1'], partOf: [tag] },
      { id: digest('b'), distribution: distribution('2'), tags: [], partOf: [tag] },
    ],
    [{ document, tag }],
  )
  const read = (name: string): unknown => JSON.parse(Buffer.from(documents.get(name) ?? '').toString())
  assert.deepEqual(
    (read('index.json') as { manifests: { digest: string; annotations: object }[] }).manifests.map((entry) => [
      entry.digest,
      Object.values(entry.annotations)[0],
    ]),
    [
      [digest('1'), 'r.io/own:1'],
      [digest('c'), tag],
    ],
  )
  assert.deepEqual(read('manifest.json'), [
    { Config: `blobs/sha256/${'a'.repeat(64)}`, RepoTags: [tag, 'r.io/own:1'], Layers: [] },
  ])
  assert.equal(Buffer.from(documents.get(`blobs/sha256/${'c'.repeat(64)}`) ?? '').toString(), 'index')
})
