/** Whether something was merely copied up: owner, mode, time, attributes and content are as below. */
import type { At } from '../../../host/at.ts'
import type { LayeredFile } from '../../layers/layered-tree.ts'
import { isCarriedXattr } from '../../layers/xattr-rules.ts'

const CHUNK_BYTES = 256 * 1024

function hasSameFacts(at: At, a: LayeredFile, b: LayeredFile): boolean {
  const [one, other] = [a.facts, b.facts]
  return (
    one.kind === other.kind &&
    one.mode === other.mode &&
    one.uid === other.uid &&
    one.gid === other.gid &&
    one.mtimeNs === other.mtimeNs &&
    hasSameXattrs(at, a, b)
  )
}

function hasSameXattrs(at: At, a: LayeredFile, b: LayeredFile): boolean {
  const carried = ({ folder, name }: LayeredFile): string[] => at.xattrNames(folder, name).filter(isCarriedXattr)
  const names = carried(a)
  if (names.join('\0') !== carried(b).join('\0')) return false
  const value = ({ folder, name }: LayeredFile, attribute: string): Buffer =>
    at.xattr(folder, name, attribute) ?? Buffer.alloc(0)
  return names.every((attribute) => value(a, attribute).equals(value(b, attribute)))
}

/** Reads until `buffer` is full or the file ends. */
function fill(at: At, fd: number, buffer: Buffer): Buffer {
  let size = 0
  while (size < buffer.length) {
    const count = at.read(fd, buffer.subarray(size))
    if (count === 0) break
    size += count
  }
  return buffer.subarray(0, size)
}

function hasSameContent(at: At, a: LayeredFile, b: LayeredFile): boolean {
  using open = new DisposableStack()
  const [one, other] = [a, b].map(({ folder, name }) => open.adopt(at.openFile(folder, name), (fd) => at.close(fd)))
  if (one === undefined || other === undefined) return false
  const [left, right] = [Buffer.allocUnsafe(CHUNK_BYTES), Buffer.allocUnsafe(CHUNK_BYTES)]
  for (;;) {
    const [here, there] = [fill(at, one, left), fill(at, other, right)]
    if (!here.equals(there)) return false
    if (here.length === 0) return true
  }
}

/** Two folders, whatever is in them. */
export function isSameFolder(at: At, below: LayeredFile, above: LayeredFile): boolean {
  return below.facts.kind === 'folder' && hasSameFacts(at, below, above)
}

/** Two regular files; false for all else. */
export function isSameFile(at: At, below: LayeredFile, above: LayeredFile): boolean {
  const isFile = below.facts.kind === 'file' && above.facts.kind === 'file'
  if (!isFile || below.facts.sizeBytes !== above.facts.sizeBytes || !hasSameFacts(at, below, above)) return false
  return hasSameContent(at, below, above)
}
