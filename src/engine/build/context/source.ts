/**
 * Where a build reads from: a folder of the machine, in place and never copied; a tar, a git repository or an address,
 * brought into a folder of our own that goes with `close`. Everything in it belongs to root, whoever's it is, and what
 * .dockerignore names is not there (in a folder: tars and repositories are taken as they are, as BuildKit does).
 * Source: Dockerfile reference, "Build context"; BuildKit's dockerui.
 */
import { isAbsolute, join } from 'node:path'
import { createDigestKeeper, type DigestKeeper } from './file-digests.ts'
import { checkOut } from './git.ts'
import type { GitOptions } from './git-run.ts'
import { fetchContext } from './http-context.ts'
import { unpackContext } from './tar-context.ts'
import type { BuildSource } from '../../../api/types/build.ts'
import { InvalidRequestError, NotFoundError, errnoOf } from '../../../errors.ts'
import type { EngineBase } from '../../context.ts'
import { openTree, type Tree } from '../files/tree.ts'
import { createIgnore, type Ignore } from '../ignore/ignore.ts'

/** Of git and http: secrets, the socket of an agent. */
export interface OpenSourceOptions extends GitOptions {
  /** In the source, or absolute on the machine: its own ".dockerignore" beside it goes before that of the source. */
  readonly dockerfile?: string
  /** Of the engine; absent: nothing is shared with other builds that run. */
  readonly digests?: DigestKeeper
}

export interface OpenSource {
  /** For COPY and ADD. */
  readonly tree: Tree
  /** The folder itself, nothing left out. */
  readonly path: string
  /** The commit, of a git repository. */
  readonly commit: string | undefined
  /**
   * The text of a file, links followed within the source, whatever .dockerignore says; undefined when it is not there. Throws
   * HOSTILE_FILE (too large, no regular file).
   */
  readText(path: string): string | undefined
  /** Keeps what was learnt for the next build, and removes what was fetched. */
  close(): Promise<void>
}

type Base = Pick<EngineBase, 'host' | 'config' | 'locks' | 'log'> & Partial<Pick<EngineBase, 'unpacker'>>

/** A folder with what the source holds; `isOurs`: it was made for this build. */
interface Place {
  readonly path: string
  readonly isOurs: boolean
  readonly commit?: string
}

/** Of a Dockerfile, a .dockerignore. */
const MAX_TEXT_BYTES = 4 * 2 ** 20
const ROOT = { uid: 0, gid: 0 }

async function checkFolder({ host }: Base, path: string): Promise<void> {
  if (!isAbsolute(path)) throw new InvalidRequestError(`the build context ${path} is no absolute path`)
  try {
    if ((await host.files.stat(path)).isDirectory()) return
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT') throw cause
    throw new NotFoundError(`the build context ${path} is not there`, { code: 'CONTEXT_MISSING', cause })
  }
  throw new InvalidRequestError(`the build context ${path} is no folder`, { code: 'CONTEXT_MISSING' })
}

async function bring(base: Base, source: BuildSource, options: OpenSourceOptions): Promise<Place> {
  switch (source.kind) {
    case 'directory':
      await checkFolder(base, source.path)
      return { path: source.path, isOurs: false }
    case 'tar':
      return { path: await unpackContext(base, source.path, options.signal), isOurs: true }
    case 'git':
      return { ...(await checkOut(base, source.url, options)), isOurs: true }
    case 'http':
      return { path: await fetchContext(base, source.url, options), isOurs: true }
    case 'image':
    case 'oci-layout':
      throw new Error(`${source.kind} is no folder: the plan resolves it to an image`)
    default:
      return source satisfies never
  }
}

async function readIgnore({ host }: Base, folder: string, dockerfile: string | undefined): Promise<Ignore | undefined> {
  const own = dockerfile === undefined ? undefined : `${dockerfile}.dockerignore`
  if (own !== undefined) {
    const text = isAbsolute(own)
      ? await host.files.readTextIfExists(own)
      : host.rooted.readText(folder, own, MAX_TEXT_BYTES)
    if (text !== undefined) return createIgnore(text, own)
  }
  const text = host.rooted.readText(folder, '.dockerignore', MAX_TEXT_BYTES)
  return text === undefined ? undefined : createIgnore(text)
}

/**
 * Close it, whatever happens. Throws CONTEXT_MISSING, GIT_*, DOCKERIGNORE_SYNTAX, TAR_INVALID, InvalidRequestError,
 * CanceledError, KernelError.
 */
export async function openSource(
  base: Base,
  source: BuildSource,
  options: OpenSourceOptions = {},
): Promise<OpenSource> {
  const { host } = base
  await using undo = new AsyncDisposableStack()
  const { path, isOurs, commit } = await bring(base, source, options)
  if (isOurs) undo.defer(() => host.files.rm(path, { recursive: true, force: true }))
  const ignore = isOurs ? undefined : await readIgnore(base, path, options.dockerfile)
  const keeper = options.digests ?? createDigestKeeper(base)
  const digests = isOurs ? undefined : await keeper.open(path)
  if (digests !== undefined) undo.defer(() => digests.close())
  const tree = openTree(host, path, {
    owner: ROOT,
    ...(ignore === undefined ? {} : { ignore }),
    ...(digests === undefined ? {} : { digests }),
    ...(base.unpacker === undefined ? {} : { threads: base.unpacker }),
  })
  undo.defer(() => tree.close())
  const kept = undo.move()
  return {
    tree,
    path,
    commit,
    readText: (name) => host.rooted.readText(path, join('/', name), MAX_TEXT_BYTES),
    close: () => kept.disposeAsync(),
  }
}
