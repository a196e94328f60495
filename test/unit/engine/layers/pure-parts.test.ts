import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { goFileMode } from '../../../../src/engine/layers/archive.ts'
import { chainIdOf, digestOf, hexOf } from '../../../../src/engine/layers/chain.ts'
import { decompress, detectCompression } from '../../../../src/engine/layers/decompress.ts'
import { parseEntryPath } from '../../../../src/engine/layers/entry-path.ts'
import { whiteoutMeaning } from '../../../../src/engine/layers/layer-sink.ts'
import { parseMountPoints } from '../../../../src/engine/layers/mount-points.ts'
import { resolvePath } from '../../../../src/engine/layers/layered-tree.ts'
import { lowerFolders, overlayOptions, relativeToOne } from '../../../../src/engine/layers/overlay.ts'
import { formatPax, formatPaxTime, parsePax, paxTimeNs } from '../../../../src/engine/layers/tar-pax.ts'
import { printable } from '../../../../src/engine/layers/tar-entry.ts'
import { isCarriedXattr } from '../../../../src/engine/layers/xattr-rules.ts'
import { streamOf } from '../../../support/tar-bytes.ts'

describe('entry paths', () => {
  const good: readonly (readonly [string, string, string])[] = [
    ['a', '', 'a'],
    ['./a//b/', 'a', 'b'],
    ['./', '', ''],
    ['..a/b..', '..a', 'b..'],
    ['/etc/hosts', 'etc', 'hosts'],
  ]
  for (const [path, parent, name] of good)
    it(`takes ${path}`, () => assert.deepEqual(parseEntryPath(path), { parent, name }))
  for (const path of ['..', '../a', 'a/../b', 'a/..', 'a\0b', 'n'.repeat(256), 'd/'.repeat(300)])
    it(`refuses ${JSON.stringify(path.slice(0, 20))}`, () =>
      assert.throws(() => parseEntryPath(path), { code: 'TAR_INVALID' }))
})

describe('links in a layered tree', () => {
  const links: Readonly<Record<string, string>> = { bin: 'usr/bin', up: '../../x', abs: '/usr', 'usr/lib': '../lib/.' }
  for (const [path, want] of [
    ['plain/path', 'plain/path'],
    ['bin', 'usr/bin'],
    ['bin/../lib/deep', 'lib/deep'],
    ['up/y', 'x/y'],
    ['abs/bin//.', 'usr/bin'],
    ['../..', ''],
  ] as const)
    it(`${path} is ${want}`, () =>
      assert.equal(
        resolvePath(path, (at) => links[at]),
        want,
      ))
  it('ends where links go round', () =>
    assert.throws(() => resolvePath('a/b', () => 'a'), { code: 'TAR_INVALID', message: /too many/ }))
})

describe('whiteouts', () => {
  const cases: readonly (readonly [string, object])[] = [
    ['etc/hosts', { kind: 'plain' }],
    ['etc/x.wh.y', { kind: 'plain' }],
    ['etc/.wh.hosts', { kind: 'whiteout', folder: 'etc', hidden: 'hosts' }],
    ['etc/.wh..wh..opq', { kind: 'opaque', folder: 'etc' }],
    ['.wh..wh..opq', { kind: 'opaque', folder: '' }],
    ['.wh..wh.plnk/1.2', { kind: 'ignored' }],
    ['.wh..wh.aufs', { kind: 'ignored' }],
  ]
  for (const [path, want] of cases) it(path, () => assert.deepEqual(whiteoutMeaning(path), want))
  for (const path of ['.wh.', 'etc/.wh..', 'etc/.wh...', '.wh.a/b'])
    it(`refuses ${path}`, () => assert.throws(() => whiteoutMeaning(path), { code: 'TAR_INVALID' }))
})

describe('PAX records', () => {
  it('a length counts its own digits, at each turn of their number', () => {
    for (let size = 0; size < 1100; size += 1) {
      const bytes = formatPax(new Map([['k', 'v'.repeat(size)]]))
      assert.equal(Number.parseInt(bytes.toString(), 10), bytes.length)
      assert.equal(parsePax(bytes).records.get('k')?.length, size)
    }
  })
  it('times to the nanosecond, before 1970 too', () => {
    for (const ns of [0n, 1n, -1n, 1_700_000_000_123_456_789n, -1_500_000_000n])
      assert.equal(paxTimeNs(formatPaxTime(ns)), ns)
    assert.throws(() => paxTimeNs('1e9'), { code: 'TAR_INVALID' })
  })
})

describe('overlay options', () => {
  const layer = (shortName: string, rootOpaque = false): Parameters<typeof lowerFolders>[1][number] => ({
    chainId: '',
    diffId: '',
    shortName,
    sizeBytes: 0,
    rootOpaque,
    created: '',
  })
  it('uppermost first, special characters escaped', () =>
    assert.equal(
      overlayOptions({ lower: ['/l/a:b', '/l/c,d'], upper: { upper: '/u\\', work: '/w' }, volatile: true }),
      'lowerdir=/l/c\\,d:/l/a\\:b,upperdir=/u\\\\,workdir=/w,index=off,redirect_dir=off,metacopy=off,volatile',
    ))
  it('what an opaque root hides is left out', () =>
    assert.deepEqual(lowerFolders('/l', [layer('0'), layer('1', true), layer('2')]), ['/l/1', '/l/2']))
  it('a long stack is named inside its folder', () => {
    const lower = Array.from({ length: 200 }, (_, index) => `/var/lib/mycompose/l/${index}`)
    const relative = relativeToOne(lower)
    assert.equal(relative.workingFolder, '/var/lib/mycompose/l')
    assert.match(overlayOptions(relative), /^lowerdir=199:198:/)
    assert.deepEqual(relativeToOne(lower.slice(0, 3)), { lower: lower.slice(0, 3) })
  })
  it('more than a page is one clear error', () =>
    assert.throws(() => overlayOptions({ lower: Array.from({ length: 400 }, (_, index) => `/var/lib/x/l/${index}`) }), {
      code: 'TOO_MANY_LAYERS',
    }))
})

describe('compression', () => {
  it('is known by its first bytes', () => {
    assert.equal(detectCompression(gzipSync('x')), 'gzip')
    assert.equal(detectCompression(zstdCompressSync('x')), 'zstd')
    assert.equal(detectCompression(Buffer.from('BZh91AY')), 'bzip2')
    assert.equal(detectCompression(Buffer.from('hello')), 'none')
  })
  const text = Buffer.from('some text '.repeat(5000))
  for (const [name, bytes] of [
    ['none', text],
    ['gzip', gzipSync(text)],
    ['gzip of two members', Buffer.concat([gzipSync(text.subarray(0, 99)), gzipSync(text.subarray(99))])],
    ['zstd', zstdCompressSync(text)],
  ] as const)
    it(`reads ${name}, a byte at a time at first`, async () => {
      const chunks = await Array.fromAsync(await decompress(streamOf(bytes, 7)))
      assert.deepEqual(Buffer.concat(chunks), text)
    })
  for (const [name, bytes] of [
    ['gzip', gzipSync(text)],
    ['zstd', zstdCompressSync(text)],
  ] as const)
    it(`a cut off ${name} stream is TAR_INVALID`, async () => {
      const cut = bytes.subarray(0, bytes.length - 12)
      await assert.rejects(async () => Array.fromAsync(await decompress(streamOf(cut))), { code: 'TAR_INVALID' })
    })
  it('xz is refused with a hint', async () => {
    const head = Buffer.from('fd377a585a000000', 'hex')
    await assert.rejects(decompress(streamOf(head)), { code: 'UNSUPPORTED', hint: /xz -dc/ })
  })
})

describe('small parts', () => {
  it('chain ids as the OCI specification has them', () => {
    const [a, b] = [digestOf('a'), digestOf('b')]
    assert.equal(chainIdOf(undefined, a), a)
    assert.equal(chainIdOf(a, b), digestOf(`${a} ${b}`))
    assert.throws(() => hexOf('sha256:../../etc'))
  })
  it('file modes as Go counts them', () => {
    assert.equal(goFileMode('folder', 0o1777), 0x80000000 + 0x100000 + 0o777)
    assert.equal(goFileMode('symlink', 0o777), 0x8000000 + 0o777)
    assert.equal(goFileMode('file', 0o4755), 0x800000 + 0o755)
  })
  it('no attribute that steers overlayfs travels', () => {
    assert.deepEqual(
      ['security.capability', 'user.a', 'user.overlay.opaque', 'trusted.overlay.redirect', 'security.selinux'].filter(
        (name) => isCarriedXattr(name),
      ),
      ['security.capability', 'user.a'],
    )
  })
  it('mount points with spaces, only those below', () =>
    assert.deepEqual(parseMountPoints('1 2 0:3 / /r/a\\040b rw\n1 2 0:3 / /rx/c rw\n1 2 0:3 / /r rw\n', '/r'), [
      '/r/a b',
    ]))
  it('names are shown without control characters', () =>
    assert.equal(printable(Buffer.from('a\u001b[31mé').toString('latin1')), 'a?[31mé'))
})
