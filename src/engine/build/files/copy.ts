/**
 * COPY and ADD: what they read as a checksum for the key, and their files written into a state. Both go by the same
 * selection, so a key never stands for other files than those that were copied.
 * Source: Dockerfile reference, COPY and ADD; BuildKit's file operations.
 */
import { createHash } from 'node:crypto'
import { isArchive, readEntry, unpackArchive } from './archive.ts'
import { checksumOfFiles } from './checksum.ts'
import { resolveOwner } from './owner.ts'
import { bytesOf } from './paths.ts'
import { selectFiles, type Selected } from './selection.ts'
import { openTarget, type Target } from './target.ts'
import type { Owner, Tree } from './tree.ts'
import { createFileWriter, type FileWriter } from './write-files.ts'
import type { Remotes } from '../context/remotes.ts'
import type { CopySource, Origin, Work } from '../plan.ts'
import type { EngineBase } from '../../context.ts'

export type CopyWork = Extract<Work, { readonly kind: 'copy' }>

export type CopyBase = Pick<EngineBase, 'host' | 'config'>

export interface CopyOptions {
  readonly signal?: AbortSignal
  /** One for each build; needed for ADD from addresses and repositories. */
  readonly remotes?: Remotes
  /** See WriteOptions: the result does not belong to the checksum then. */
  readonly onChanged?: (path: string) => void
  /** What the user should know though the step goes on. */
  readonly warn?: (message: string) => void
  /** Root of the state whose passwd and group name the owners; undefined: of the one that is written. */
  readonly users?: string
}

/** The trees that a copy reads from; they stay the caller's. A state or an image is mounted read-only for it. */
export type TreeOf = (origin: Origin) => Promise<Tree>

/** zip, for one, knows no earlier time, wherever its clock stands. */
const EARLIEST_NS = BigInt(Date.UTC(1980, 1, 1)) * 1_000_000n
const MAX_USER_FILE_BYTES = 8 * 2 ** 20

type PathSource = Extract<CopySource, { readonly kind: 'path' }>

async function select(tree: Tree, source: PathSource, work: CopyWork, signal?: AbortSignal): Promise<Selected[]> {
  const { parents, excludes } = work
  return selectFiles(tree, { pattern: source.pattern, parents, excludes }, signal)
}

function remotesOf({ remotes }: CopyOptions): Remotes {
  if (remotes === undefined) throw new Error('a copy from an address needs remotes')
  return remotes
}

async function checksumOfSource(
  source: CopySource,
  work: CopyWork,
  treeOf: TreeOf,
  options: CopyOptions,
): Promise<string> {
  const { signal } = options
  switch (source.kind) {
    case 'path': {
      const tree = await treeOf(source.from)
      return checksumOfFiles(tree, await select(tree, source, work, signal), signal)
    }
    case 'text':
      return createHash('sha256').update(`${source.name}\0${source.content}`).digest('hex')
    case 'http': {
      const { name, digest, mtimeMs } = (await remotesOf(options).file(source)).download
      return `${name} ${digest} ${mtimeMs}`
    }
    case 'git':
      return await remotesOf(options).commit(source)
    default:
      return source satisfies never
  }
}

/**
 * Of all that the work reads, as "sha256:<hex>": part of the step's key, with the definition. Throws NotFoundError
 * (COPY_SOURCE_MISSING), CONTEXT_CHANGED, CanceledError, KernelError.
 */
export async function checksumOfCopy(work: CopyWork, treeOf: TreeOf, options: CopyOptions = {}): Promise<string> {
  const sums: string[] = []
  for (const source of work.sources)
    sums.push(`${source.kind} ${await checksumOfSource(source, work, treeOf, options)}`)
  return `sha256:${createHash('sha256').update(sums.join('\n')).digest('hex')}`
}

function ownerOf({ host }: CopyBase, root: string, spec: string, options: CopyOptions): Owner {
  const users = options.users ?? root
  const read = (path: string): string => host.rooted.readText(users, path, MAX_USER_FILE_BYTES) ?? ''
  const files = (): { passwd: string; group: string } => ({ passwd: read('/etc/passwd'), group: read('/etc/group') })
  return resolveOwner(spec, files, options.warn ?? (() => {}))
}

function epochNs(seconds: number | undefined): bigint | undefined {
  return seconds === undefined ? undefined : BigInt(seconds) * 1_000_000_000n
}

/** Of what has no time of its own: the newest of the files beside it, so that the same input makes the same layer. */
function madeTime(work: CopyWork, newestNs: bigint): bigint {
  return epochNs(work.epochSeconds) ?? (newestNs > 0n ? newestNs : EARLIEST_NS)
}

/** What a step is written with. */
interface Writing {
  readonly base: CopyBase
  readonly work: CopyWork
  readonly target: Target
  readonly writer: FileWriter
  readonly owner: Owner | undefined
  readonly options: CopyOptions
}

/** The contents of an archive where it is one and is to be unpacked, else the file or folder itself. */
async function writeSelected(writing: Writing, tree: Tree, selected: Selected, unpacks: boolean): Promise<void> {
  const { base, work, target, writer, owner } = writing
  const { signal } = writing.options
  const entry = selected.files[0]?.entry
  const mayBeArchive = unpacks && entry?.file.kind === 'file'
  if (!mayBeArchive || !(await isArchive(base, readEntry(base, tree, entry))))
    return writer.write(tree, selected, work.destination)
  const options = { owner, ...(signal === undefined ? {} : { signal }) }
  return unpackArchive(base, target, work.destination, readEntry(base, tree, entry), options)
}

async function copySource(source: CopySource, writing: Writing, treeOf: TreeOf): Promise<void> {
  const { work, writer, options } = writing
  const { signal } = options
  switch (source.kind) {
    case 'path': {
      const tree = await treeOf(source.from)
      for (const selected of await select(tree, source, work, signal))
        await writeSelected(writing, tree, selected, work.unpacksArchives)
      break
    }
    case 'text':
      writer.writeText(source.name, source.content, work.destination, madeTime(work, writer.newestNs()))
      break
    case 'http': {
      const { tree, download } = await remotesOf(options).file(source)
      const entry = tree.entry(bytesOf(download.name))
      if (entry === undefined) throw new Error(`the download ${download.name} is gone`)
      const selected = { name: entry.name, files: [{ path: '', entry, isImplied: false }] }
      await writeSelected(writing, tree, selected, source.unpack)
      break
    }
    case 'git': {
      const tree = await remotesOf(options).files(source)
      const wish = { pattern: '', parents: false, excludes: work.excludes }
      for (const selected of await selectFiles(tree, wish, options.signal))
        await writer.write(tree, selected, work.destination)
      break
    }
    default:
      source satisfies never
  }
}

async function withTarget(base: CopyBase, root: string, write: (target: Target) => Promise<bigint>): Promise<void> {
  const target = openTarget(base.host, root)
  try {
    target.finish(await write(target))
  } finally {
    target.close()
  }
}

/**
 * `root`: the mounted state, absolute. Throws NotFoundError (COPY_SOURCE_MISSING), InvalidRequestError (COPY_OVER_FOLDER ...),
 * CONTEXT_CHANGED, KernelError (ENOSPC), CanceledError; what was written until then stays.
 */
export async function copyInto(
  base: CopyBase,
  root: string,
  work: CopyWork,
  treeOf: TreeOf,
  options: CopyOptions = {},
): Promise<void> {
  const { signal, onChanged } = options
  const owner = work.chown === undefined ? undefined : ownerOf(base, root, work.chown, options)
  await withTarget(base, root, async (target) => {
    const writer = createFileWriter(base.host, target, {
      owner,
      mode: work.chmod,
      ...(signal === undefined ? {} : { signal }),
      ...(onChanged === undefined ? {} : { onChanged }),
    })
    for (const source of work.sources) await copySource(source, { base, work, target, writer, owner, options }, treeOf)
    return madeTime(work, writer.newestNs())
  })
}

/** WORKDIR: the folder and its parents, where they are missing, owned by the user. Throws InvalidRequestError (NOT_A_FOLDER). */
export async function makeWorkingFolder(
  base: CopyBase,
  root: string,
  work: Extract<Work, { readonly kind: 'mkdir' }>,
  options: CopyOptions = {},
): Promise<void> {
  const owner = work.user === '' ? { uid: 0, gid: 0 } : ownerOf(base, root, work.user, options)
  await withTarget(base, root, async (target) => {
    target.makeFolders(target.follow(bytesOf(work.path)), 0o755, owner)
    return epochNs(work.epochSeconds) ?? EARLIEST_NS
  })
}
