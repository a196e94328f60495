/**
 * Repositories that builds have taken from, kept bare in build/git of the root: a commit that is there is not fetched again,
 * and a new one brings only what is new. What was fetched is kept alive by refs/kept/<commit>. Part of the build cache:
 * listed, and removed while nobody works with it.
 */
import { join } from 'node:path'
import { digestOf, hexOf } from '../../layers/chain.ts'
import { diskUsageBytes } from '../../layers/disk-usage.ts'
import { createGit, type Git, type GitOptions } from './git-run.ts'
import { withoutPassword, type GitAddress } from './git-url.ts'
import { listFolder, urlOf, type KeptPlace } from './kept.ts'
import { MycomposeError } from '../../../errors.ts'
import type { EngineBase } from '../../context.ts'

type Base = Pick<EngineBase, 'host' | 'config' | 'locks'>

export interface WantedCommit {
  readonly commit: string
  /** The name by which it can be fetched; undefined: by the commit only. */
  readonly name: string | undefined
}

/** Written last, and at each use: its time is that of the use, and without it the repository is not complete. */
const KEPT = 'kept.json'
/** What a git that was killed leaves; nobody else works here while we hold the lock. */
const LOCKS = ['shallow.lock', 'packed-refs.lock', 'config.lock', 'HEAD.lock']

const rootOf = ({ config }: Pick<Base, 'config'>): string => join(config.paths.root, 'build', 'git')

export function keptRef({ commit }: WantedCommit): string {
  return `refs/kept/${commit}`
}

/** Old and plain file servers know no shallow copies, and some give no commit that has no name: then all is fetched. */
async function fetchCommit(git: Git, { remote }: GitAddress, { commit, name }: WantedCommit): Promise<void> {
  const quiet = ['fetch', '--quiet', '--no-recurse-submodules', '--no-write-fetch-head']
  const isThere = (): Promise<boolean> =>
    git('cat-file', '-e', `${commit}^{commit}`).then(
      () => true,
      () => false,
    )
  const tries: readonly (readonly string[])[] = [
    ['--depth=1', '--no-tags', '--', remote, commit],
    ...(name === undefined ? [] : [['--depth=1', '--no-tags', '--', remote, name]]),
    ['--tags', '--', remote, '+refs/heads/*:refs/remotes/origin/*'],
  ]
  let failure: unknown
  for (const args of tries) {
    try {
      await git(...quiet, ...args)
    } catch (error) {
      if (!(error instanceof MycomposeError) || error.code !== 'GIT_FAILED') throw error
      failure = error
      continue
    }
    if (await isThere()) return
  }
  throw failure ?? new MycomposeError(`${withoutPassword(remote)} has no commit ${commit}`, { code: 'GIT_REF_MISSING' })
}

async function isKept(git: Git, wanted: WantedCommit): Promise<boolean> {
  try {
    await git('cat-file', '-e', `${keptRef(wanted)}^{tree}`)
    return true
  } catch (error) {
    if (error instanceof MycomposeError && error.code === 'GIT_FAILED') return false
    throw error
  }
}

/** An empty one, unless a complete one is there. */
async function prepare({ host }: Base, folder: string, address: GitAddress, git: Git, format: string): Promise<void> {
  if (host.files.existsSync(join(folder, KEPT))) {
    for (const name of LOCKS) await host.files.rm(join(folder, name), { force: true })
  } else {
    await host.files.rm(folder, { recursive: true, force: true })
    await host.files.mkdir(folder, { recursive: true, mode: 0o700 })
    await git('init', '--quiet', '--bare', `--object-format=${format}`)
  }
  const text = JSON.stringify({ url: withoutPassword(address.remote) })
  await host.files.writeAtomic(join(folder, KEPT), text, { mode: 0o600, durable: false })
}

/**
 * Runs `work` with the bare repository that has the commit, under `keptRef`; nobody removes it meanwhile. Throws GIT_FAILED,
 * GIT_REF_MISSING, UnsupportedError, CanceledError.
 */
export async function withMirror<T>(
  base: Base,
  address: GitAddress,
  wanted: WantedCommit,
  options: GitOptions,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const format = wanted.commit.length === 64 ? 'sha256' : 'sha1'
  const place = hexOf(digestOf(`${format} ${withoutPassword(address.remote)}`))
  return await base.locks.run(`git:${place}`, async () => {
    const folder = join(rootOf(base), place)
    const git = createGit(base, address, options, { kind: 'bare', folder })
    await prepare(base, folder, address, git, format)
    if (!(await isKept(git, wanted))) {
      await fetchCommit(git, address, wanted)
      await git('update-ref', keptRef(wanted), wanted.commit)
    }
    return await work(folder)
  })
}

async function describeMirror({ host }: Base, folder: string, place: string): Promise<KeptPlace> {
  const text = await host.files.readTextIfExists(join(folder, KEPT))
  const used = await host.files.stat(join(folder, KEPT)).catch(() => undefined)
  const made = await host.files.stat(join(folder, 'HEAD')).catch(() => undefined)
  return {
    place,
    description: urlOf(text),
    sizeBytes: await diskUsageBytes(host.at, folder),
    createdAtMs: made?.birthtimeMs ?? 0,
    usedAtMs: used?.mtimeMs ?? 0,
  }
}

export async function listMirrors(base: Base): Promise<KeptPlace[]> {
  const root = rootOf(base)
  const found: KeptPlace[] = []
  for (const place of await listFolder(base, root)) found.push(await describeMirror(base, join(root, place), place))
  return found
}

/** False when it is not there. */
export async function removeMirror(base: Base, place: string): Promise<boolean> {
  if (!/^[0-9a-f]{64}$/.test(place)) return false
  return await base.locks.run(`git:${place}`, async () => {
    const folder = join(rootOf(base), place)
    if (!base.host.files.existsSync(folder)) return false
    await base.host.files.rm(folder, { recursive: true, force: true })
    return true
  })
}
