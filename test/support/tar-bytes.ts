/** Tars written by hand for tests, hostile ones too: entries as they stand, any header field overwritten. */
import { Readable } from 'node:stream'
import { BLOCK, type TarEntry } from '../../src/engine/layers/tar-entry.ts'
import { TAR_END, formatTarHeader, paddingBytes } from '../../src/engine/layers/tar-writer.ts'

export interface TestEntry extends Partial<Omit<TarEntry, 'sizeBytes' | 'xattrs'>> {
  readonly path: string
  readonly content?: string | Buffer
  readonly xattrs?: Readonly<Record<string, string>>
}

/** One entry with its data. */
export function tarEntry({ content = '', xattrs = {}, ...entry }: TestEntry): Buffer {
  const data = Buffer.from(content)
  const header = formatTarHeader({
    kind: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtimeNs: 1_700_000_000_000_000_000n,
    target: '',
    major: 0,
    minor: 0,
    ...entry,
    sizeBytes: data.length,
    xattrs: new Map(Object.entries(xattrs).map(([name, value]) => [name, Buffer.from(value, 'latin1')])),
  })
  return Buffer.concat([header, data, paddingBytes(data.length)])
}

export function tarOf(...entries: readonly (TestEntry | Buffer)[]): Buffer {
  return Buffer.concat([...entries.map((entry) => (Buffer.isBuffer(entry) ? entry : tarEntry(entry))), TAR_END])
}

export function folder(path: string, more: Partial<TestEntry> = {}): TestEntry {
  return { path, kind: 'folder', mode: 0o755, ...more }
}

export function symlink(path: string, target: string): TestEntry {
  return { path, kind: 'symlink', mode: 0o777, target }
}

/** As a stream of chunks of `size` bytes. */
export function streamOf(bytes: Buffer, size = 65_536): Readable {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
  return Readable.from(chunks, { objectMode: false })
}

/** The header block at `offset` with `text` written at `field`, and its checksum made right again. */
export function patchHeader(tar: Buffer, offset: number, field: number, text: string): Buffer {
  const bytes = Buffer.from(tar)
  const block = bytes.subarray(offset, offset + BLOCK)
  block.write(text, field, 'latin1')
  block.write('        ', 148, 'latin1')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return bytes
}
