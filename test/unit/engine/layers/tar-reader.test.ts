import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { DEFAULT_TAR_LIMITS, TarReader, type TarLimits } from '../../../../src/engine/layers/tar-reader.ts'
import type { TarEntry } from '../../../../src/engine/layers/tar-entry.ts'
import { TAR_END, formatTarHeader, paddingBytes } from '../../../../src/engine/layers/tar-writer.ts'
import { folder, patchHeader, tarEntry, tarOf } from '../../../support/tar-bytes.ts'

interface Read {
  readonly entry: TarEntry
  readonly content: Buffer
}

/** What a sink sees of `bytes`, pushed in chunks of `size`. */
function read(bytes: Buffer, size = 1 << 20, limits: Partial<TarLimits> = {}): Read[] {
  const found: Read[] = []
  let content = Buffer.alloc(0)
  const reader = new TarReader(
    {
      entry(entry) {
        content = Buffer.alloc(entry.sizeBytes)
        found.push({ entry, content })
      },
      data: (chunk, offset) => void chunk.copy(content, offset),
      endEntry() {},
    },
    limits,
  )
  for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size))
  reader.end()
  return found
}

const byteString = (max: number): fc.Arbitrary<string> =>
  fc
    .array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: max })
    .map((bytes) => String.fromCharCode(...bytes))

const anyEntry: fc.Arbitrary<TarEntry> = fc.record({
  kind: fc.constantFrom('file', 'folder', 'symlink', 'hardlink', 'character', 'block', 'fifo'),
  path: byteString(300).filter((path) => !path.endsWith('/')),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
  gid: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
  sizeBytes: fc.integer({ min: 0, max: 3000 }),
  mtimeNs: fc.bigInt({ min: -(10n ** 18n), max: 10n ** 19n }),
  target: byteString(300),
  major: fc.integer({ min: 0, max: 4095 }),
  minor: fc.integer({ min: 0, max: 0o7777777 }),
  xattrs: fc
    .dictionary(
      fc.stringMatching(/^user\.[a-z]{1,8}$/),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    )
    .map((record) => new Map(Object.entries(record))),
})

/** Fields that an entry of this kind does not carry are empty. */
function carried(entry: TarEntry): TarEntry {
  const isLink = entry.kind === 'symlink' || entry.kind === 'hardlink'
  const isDevice = entry.kind === 'character' || entry.kind === 'block'
  return {
    ...entry,
    sizeBytes: entry.kind === 'file' ? entry.sizeBytes : 0,
    target: isLink ? entry.target : '',
    major: isDevice ? entry.major : 0,
    minor: isDevice ? entry.minor : 0,
  }
}

describe('tar reader', () => {
  it('reads what the writer wrote, however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(anyEntry, { maxLength: 6 }), fc.integer({ min: 1, max: 2000 }), (entries, size) => {
        const wanted = entries.map(carried)
        const parts = wanted.flatMap((entry) => {
          const data = Buffer.alloc(entry.sizeBytes, entry.sizeBytes % 251)
          return [formatTarHeader(entry), data, paddingBytes(data.length)]
        })
        const found = read(Buffer.concat([...parts, TAR_END]), size)
        assert.deepEqual(
          found.map(({ entry }) => entry),
          wanted,
        )
        for (const { entry, content } of found) assert.ok(content.every((byte) => byte === entry.sizeBytes % 251))
      }),
      { numRuns: 150 },
    )
  })

  it('never ends in anything but entries or TAR_INVALID when bytes are changed', () => {
    const tar = tarOf({ path: 'a', content: 'x'.repeat(700) }, { path: 'b'.repeat(180) }, folder('c', { mtimeNs: 5n }))
    fc.assert(
      fc.property(fc.nat(tar.length - 1), fc.nat(255), fc.boolean(), (at, byte, truncates) => {
        const bytes = truncates ? tar.subarray(0, at) : Buffer.from(tar)
        if (!truncates) bytes[at] = byte
        try {
          read(bytes, 333)
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'TAR_INVALID')
        }
      }),
      { numRuns: 400 },
    )
  })

  const plain = tarOf({ path: 'file', content: 'hello' })
  const longName = tarOf({ path: 'n'.repeat(150), content: 'hello' })
  const refused: readonly { name: string; tar: Buffer; message: RegExp; limits?: Partial<TarLimits> }[] = [
    { name: 'wrong checksum', tar: Buffer.concat([Buffer.from('x'), plain.subarray(1)]), message: /checksum/ },
    { name: 'truncated data', tar: plain.subarray(0, 514), message: /ends in the middle/ },
    { name: 'truncated padding', tar: plain.subarray(0, 700), message: /ends in the middle/ },
    { name: 'half a header', tar: plain.subarray(0, 300), message: /ends in the middle/ },
    { name: 'PAX header without its entry', tar: longName.subarray(0, 1024), message: /ends in the middle/ },
    { name: 'lone block of zeros', tar: Buffer.concat([Buffer.alloc(512), plain]), message: /empty block/ },
    { name: 'size that is no number', tar: patchHeader(plain, 0, 124, '0000000009x\0'), message: /octal/ },
    { name: 'negative size', tar: patchHeader(plain, 0, 124, '\xff'.repeat(12)), message: /negative size/ },
    {
      name: 'size beyond all numbers',
      tar: patchHeader(plain, 0, 124, `\x80${'\xff'.repeat(11)}`),
      message: /out of range/,
    },
    { name: 'unknown type', tar: patchHeader(plain, 0, 156, 'Z'), message: /unknown type "Z"/ },
    { name: 'PAX record with a wrong length', tar: patchPax(longName, '999'), message: /wrong length/ },
    {
      name: 'too many entries',
      tar: tarOf(folder('a'), folder('b')),
      message: /more than 1 entries/,
      limits: { maxEntries: 1 },
    },
    { name: 'too much data', tar: plain, message: /more than 4 bytes/, limits: { maxTotalBytes: 4 } },
    { name: 'long path', tar: longName, message: /path of more than 100/, limits: { maxPathBytes: 100 } },
    { name: 'huge extended header', tar: longName, message: /extended header/, limits: { maxMetadataBytes: 20 } },
    { name: 'no tar at all', tar: Buffer.from('#!/bin/sh\n'.repeat(60)), message: /checksum|octal/ },
  ]
  for (const { name, tar, message, limits } of refused)
    it(`refuses: ${name}`, () =>
      assert.throws(() => read(tar, 100, limits ?? DEFAULT_TAR_LIMITS), { code: 'TAR_INVALID', message }))

  it('a missing end mark and bytes after it are forgiven', () => {
    assert.equal(read(plain.subarray(0, 1024)).length, 1)
    assert.equal(read(Buffer.concat([plain, Buffer.from('rubbish')])).length, 1)
  })

  it('PAX "size" overrules the header', () => {
    const data = Buffer.from('123456')
    const pax = patchHeader(tarEntry({ path: 'x', content: '9 size=6\n' }), 0, 156, 'x')
    const [only] = read(Buffer.concat([pax, tarEntry({ path: 'real' }), data, paddingBytes(6), TAR_END]))
    assert.equal(only?.entry.path, 'real')
    assert.equal(only?.content.toString(), '123456')
  })

  it('an old file name that ends in "/" is a folder', () => {
    const [only] = read(patchHeader(tarOf({ path: 'old/' }), 0, 156, '\0'))
    assert.equal(only?.entry.kind, 'folder')
  })
})

/** The first digits of the PAX data, which stands in the second block, replaced. */
function patchPax(tar: Buffer, digits: string): Buffer {
  const bytes = Buffer.from(tar)
  bytes.write(digits, 512, 'latin1')
  return bytes
}
