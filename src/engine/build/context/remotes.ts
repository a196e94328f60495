/**
 * What the ADDs of one build take from addresses and repositories: each is asked once, so that a key and its copy see the
 * same. Files that are fetched are linked, not copied. Source: Dockerfile reference, ADD.
 */
import { join } from 'node:path'
import { download, type Download } from './download.ts'
import { checkOut, resolveCommit, type Checkout } from './git.ts'
import type { GitOptions } from './git-run.ts'
import type { EngineBase } from '../../context.ts'
import { openTree, type Tree } from '../files/tree.ts'
import type { CopySource } from '../plan.ts'

export type HttpSource = Extract<CopySource, { readonly kind: 'http' }>
export type GitSource = Extract<CopySource, { readonly kind: 'git' }>

export interface Remotes {
  /** The file, as the only one of a tree. */
  file(source: HttpSource): Promise<{ readonly tree: Tree; readonly download: Download }>
  /** "<commit>" that the address means: cheap, nothing is fetched. */
  commit(source: GitSource): Promise<string>
  files(source: GitSource): Promise<Tree>
  /** Removes all of it. */
  close(): Promise<void>
}

type Base = Pick<EngineBase, 'host' | 'config' | 'locks'>

const ROOT = { uid: 0, gid: 0 }

/** Secrets as in DownloadOptions and GitOptions. */
export type RemoteOptions = GitOptions

/** One for each build. */
export function createRemotes(base: Base, options: RemoteOptions = {}): Remotes {
  const { host, config } = base
  const open = new AsyncDisposableStack()
  const files = new Map<string, ReturnType<Remotes['file']>>()
  const commits = new Map<string, Promise<string>>()
  const trees = new Map<string, Promise<Tree>>()

  function once<T>(known: Map<string, Promise<T>>, source: object, make: () => Promise<T>): Promise<T> {
    const key = JSON.stringify(source)
    const running = known.get(key) ?? make()
    known.set(key, running)
    return running
  }

  /** Closed with the build. */
  function treeOf(path: string): Tree {
    const tree = openTree(host, path, { owner: ROOT })
    open.defer(() => tree.close())
    return tree
  }

  function removeLater(path: string): void {
    open.defer(() => host.files.rm(path, { recursive: true, force: true }))
  }

  async function getFile({ url, checksum }: HttpSource): ReturnType<Remotes['file']> {
    const folder = await host.files.mkdtemp(join(config.paths.temporary, 'add-'))
    removeLater(folder)
    const got = await download(base, url, folder, { ...options, checksum })
    return { tree: treeOf(folder), download: got }
  }

  async function getFiles({ url, checksum, keepGitDir }: GitSource): Promise<Tree> {
    const { path }: Checkout = await checkOut(base, url, { ...options, checksum, keepGitDir })
    removeLater(path)
    return treeOf(path)
  }

  return {
    file: (source) => once(files, source, () => getFile(source)),
    commit: (source) =>
      once(commits, source, () => resolveCommit(base, source.url, { ...options, checksum: source.checksum })),
    files: (source) => once(trees, source, () => getFiles(source)),
    close: () => open.disposeAsync(),
  }
}
