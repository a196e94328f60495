/** Layers that are bombs or lie, in a real store: each is refused with a clear error and leaves nothing on the disk. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { constants, createGzip, createZstdCompress, gzipSync, zstdCompressSync } from 'node:zlib'
import { parseLayerLimits } from '../../src/engine/layers/limits.ts'
import { discardLayer, stageLayer } from '../../src/engine/layers/store.ts'
import { unpackLayer } from '../../src/engine/layers/unpack.ts'
import { sha256Of } from '../support/oci-layout.ts'
import { openPrivateStore, type PrivateStore } from '../support/private-store.ts'
import { folder, patchHeader, streamOf, symlink, tarEntry, tarOf, type TestEntry } from '../support/tar-bytes.ts'

const MIB = 2 ** 20

function setLimits({ root }: PrivateStore, layers: object): void {
  fs.writeFileSync(join(root, 'limits.json'), JSON.stringify({ layers }))
}

/** Nothing in tmp/ and layers/, and the store still takes a good layer. */
async function assertClean(store: PrivateStore): Promise<void> {
  const { temporary, layers } = store.base.config.paths
  assert.deepEqual([...fs.readdirSync(temporary), ...fs.readdirSync(layers)], [])
  const good = await stageLayer(store.base, streamOf(tarOf({ path: 'a' })), { lower: [] })
  await discardLayer(store.base, good)
}

/** A file of zeros, made as it is read. */
function* zeroFile(bytes: number): Generator<Buffer> {
  const empty = tarEntry({ path: 'zeros' })
  yield patchHeader(empty, 0, 124, `${bytes.toString(8).padStart(11, '0')}\0`)
  for (let at = 0; at < bytes; at += MIB) yield Buffer.alloc(MIB)
  yield Buffer.alloc(1024)
}

for (const [name, pack] of [
  ['gzip', () => createGzip()],
  ['zstd', () => createZstdCompress()],
] as const)
  test(`a bomb of ${name} is stopped by its ratio`, async (t) => {
    const store = await openPrivateStore(t)
    setLimits(store, { ratioFromBytes: 16 * MIB })
    const bomb = Readable.from(zeroFile(256 * MIB), { objectMode: false }).pipe(pack())
    await assert.rejects(stageLayer(store.base, bomb, { lower: [] }), {
      code: 'TAR_INVALID',
      message: /unpack to more/,
    })
    await assertClean(store)
  })

test('zeros after the end of the archive are a bomb as well', async (t) => {
  const store = await openPrivateStore(t)
  setLimits(store, { ratioFromBytes: 16 * MIB })
  const bytes = Buffer.concat([tarOf({ path: 'a' }), Buffer.alloc(64 * MIB)])
  await assert.rejects(stageLayer(store.base, streamOf(gzipSync(bytes)), { lower: [] }), { code: 'TAR_INVALID' })
  await assertClean(store)
})

test('entries, sizes and the free disk have limits', async (t) => {
  const store = await openPrivateStore(t)
  const tar = (): Readable => streamOf(tarOf({ path: 'a', content: 'x'.repeat(9) }, { path: 'b' }, { path: 'c' }))
  setLimits(store, { maxEntries: 2 })
  await assert.rejects(stageLayer(store.base, tar(), { lower: [] }), { code: 'TAR_INVALID', message: /than 2 entries/ })
  setLimits(store, { maxTotalBytes: 8 })
  await assert.rejects(stageLayer(store.base, tar(), { lower: [] }), {
    code: 'TAR_INVALID',
    message: /than (?:8|16) bytes/,
  })
  setLimits(store, {})
  await assertClean(store)
})

test('a disk that is nearly full is left as it is', async (t) => {
  const { base } = await openPrivateStore(t)
  const { at, files } = base.host
  const statfs = (async () => Promise.resolve({ bavail: 10, blocks: 1_000_000, bsize: 4096 })) as unknown
  const folder = join(base.config.paths.temporary, 'layer')
  fs.mkdirSync(join(folder, 'diff'), { recursive: true })
  const task = { folder, whiteouts: 'device', limits: parseLayerLimits('{}', ''), isOurs: false } as const
  const full = { at, files: { ...files, statfs: statfs as typeof files.statfs } }
  const unpacked = unpackLayer(full, task, streamOf(tarOf({ path: 'a' })), { below: () => [] })
  await assert.rejects(unpacked, { code: 'DISK_FULL', message: /nearly full/ })
  assert.deepEqual(fs.readdirSync(join(folder, 'diff')), [])
})

const NAME = 'n'.repeat(250)
const deep = (names: number): string => Array.from({ length: names }, () => NAME).join('/')

/** Paths that the engine could make but not remove by their names. */
const LONG: readonly { name: string; entries: readonly TestEntry[]; message: RegExp }[] = [
  { name: 'a path of 257 folders', entries: [{ path: `${'d/'.repeat(257)}f` }], message: /256 folders deep/ },
  { name: 'a path of 3,800 bytes', entries: [{ path: `${deep(15)}/f` }], message: /more than 3500/ },
  {
    name: 'a path that links make longer and longer',
    entries: [folder(deep(12)), symlink('l', deep(12)), { path: `l/${deep(12)}/f` }],
    message: /more than 3500/,
  },
]
for (const { name, entries, message } of LONG)
  test(`refused: ${name}`, async (t) => {
    const store = await openPrivateStore(t)
    const staged = stageLayer(store.base, streamOf(tarOf(...entries)), { lower: [] })
    await assert.rejects(staged, { code: 'TAR_INVALID', message })
    await assertClean(store)
  })

test('the longest path that is taken can be removed', async (t) => {
  const store = await openPrivateStore(t)
  const staged = await stageLayer(store.base, streamOf(tarOf({ path: `${deep(13)}/f`, content: 'x' })), { lower: [] })
  await discardLayer(store.base, staged)
  await assertClean(store)
})

/** A good gzip stream that is hurt. */
const GZIP = gzipSync(tarOf({ path: 'a', content: Buffer.from(Array.from({ length: 50_000 }, (_, at) => at % 251)) }))
const HURT: readonly (readonly [string, Buffer])[] = [
  ['cut in the middle', GZIP.subarray(0, GZIP.length / 2)],
  ['without its checksum', GZIP.subarray(0, -8)],
  ['with a wrong checksum', Buffer.concat([GZIP.subarray(0, -8), Buffer.alloc(8)])],
  ['with a wrong byte', Buffer.concat([GZIP.subarray(0, 60), Buffer.from([0xff, 0xff, 0xff]), GZIP.subarray(63)])],
  ['a header and nothing more', GZIP.subarray(0, 12)],
]
const ZSTD = zstdCompressSync(tarOf({ path: 'a', content: randomBytes(50_000).toString('hex') }), {
  params: { [constants.ZSTD_c_checksumFlag]: 1 },
})
const HURT_ZSTD: readonly (readonly [string, Buffer])[] = [
  ['cut in the middle', ZSTD.subarray(0, ZSTD.length / 2)],
  ['without its checksum', ZSTD.subarray(0, -4)],
  ['with a wrong checksum', Buffer.concat([ZSTD.subarray(0, -4), Buffer.alloc(4)])],
  ['a header and nothing more', ZSTD.subarray(0, 6)],
  // RFC 8878, 3.1.1.1.2: the exponent in the upper five bits, and a last, empty block
  ['that wants 2 GiB for its window', Buffer.from('28b52ffd00a8010000', 'hex')],
]
for (const [name, bytes] of [
  ...HURT.map(([what, bytes]): [string, Buffer] => [`gzip ${what}`, bytes]),
  ...HURT_ZSTD.map(([what, bytes]): [string, Buffer] => [`zstd ${what}`, bytes]),
])
  test(`refused: ${name}`, async (t) => {
    const store = await openPrivateStore(t)
    await assert.rejects(stageLayer(store.base, streamOf(bytes), { lower: [] }), { code: 'TAR_INVALID' })
    await assertClean(store)
  })

test('several gzip members are one stream', async (t) => {
  const store = await openPrivateStore(t)
  const tar = tarOf({ path: 'a', content: 'x'.repeat(5000) })
  const members = Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(tar.subarray(700))])
  const staged = await stageLayer(store.base, streamOf(members), { lower: [] })
  assert.equal(staged.diffId, sha256Of(tar))
  await discardLayer(store.base, staged)
})
