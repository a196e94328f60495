/**
 * The checksum of all that a COPY or ADD reads: names below the source, kind, mode, owner, target of links, attributes that
 * travel, bytes; no times. Two sources of the same checksum make the same layer on the same state.
 * Source: BuildKit's contenthash, by what takes part in it.
 */
import { createHash } from 'node:crypto'
import { AT_ONCE_BYTES } from './file-hashes.ts'
import { createTurns, type Selected } from './selection.ts'
import type { Tree, TreeEntry } from './tree.ts'

/** Each update of the hash and each look at the clock costs, too. */
const FILES_A_BATCH = 64
const READ_AHEAD = 4

/** What of a file is in the checksum besides its path. */
function describe(tree: Tree, { file }: TreeEntry, detail: string): string {
  const { uid, gid } = tree.owner ?? file
  // the kernel gives links whatever mode
  const mode = file.kind === 'symlink' ? 0o777 : file.mode
  // a socket is copied as an empty file
  const kind = file.kind === 'socket' ? 'file' : file.kind
  const device = kind === 'character' || kind === 'block' ? `${file.major}:${file.minor}` : ''
  return `${kind} ${mode} ${uid}:${gid} ${device} ${detail}`
}

/** Undefined: it has to be read first, and that takes a while. */
function detailAtOnce(tree: Tree, entry: TreeEntry): string | undefined {
  return entry.file.kind === 'symlink' ? tree.readlink(entry) : tree.digest(entry)
}

/** Begins to read the long files that have to be read, some at a time: whoever asks for one gets what was begun. */
async function readAhead(tree: Tree, selected: readonly Selected[], signal?: AbortSignal): Promise<void> {
  const long = selected
    .flatMap(({ files }) => files)
    .filter(({ entry: { file } }) => file.kind === 'file' && file.sizeBytes >= AT_ONCE_BYTES)
    .values()
  async function readNext(): Promise<void> {
    for (const { entry } of long) if (tree.digest(entry) === undefined) await tree.longDigest(entry, signal)
  }
  // what fails here fails again where it is asked for
  await Promise.allSettled(Array.from({ length: READ_AHEAD }, readNext))
}

/** Hex of sha256. Throws CONTEXT_CHANGED, CanceledError, KernelError. */
export async function checksumOfFiles(
  tree: Tree,
  selected: readonly Selected[],
  signal?: AbortSignal,
): Promise<string> {
  const sha256 = createHash('sha256')
  const takeTurn = createTurns(signal)
  await readAhead(tree, selected, signal)
  await takeTurn()
  let count = 0
  let batch = ''
  for (const { name, files } of selected) {
    const [root] = files
    if (root === undefined) continue
    // the contents of a folder are copied, not the folder: it is of no account what it is like itself
    const isFolder = root.entry.file.kind === 'folder'
    sha256.update(isFolder ? `folder\0` : `file ${name}\0`, 'latin1')
    for (const file of isFolder ? files.slice(1) : files) {
      // most files answer at once, and a promise each would cost more than all the rest
      const detail = detailAtOnce(tree, file.entry) ?? (await tree.longDigest(file.entry, signal))
      batch += `${file.path}\0${describe(tree, file.entry, detail)}\0`
      count += 1
      if (count % FILES_A_BATCH !== 0) continue
      sha256.update(batch, 'latin1')
      batch = ''
      await takeTurn()
    }
    sha256.update(batch, 'latin1')
    batch = ''
  }
  return sha256.digest('hex')
}
