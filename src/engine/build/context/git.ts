/**
 * A git repository as a folder: the commit that a ref means, and its files. Files get the modes that git knows (0644, 0755)
 * and the time of the commit, so that one commit is one layer. What was fetched once is kept (git-mirror.ts).
 */
import { join } from 'node:path'
import { settleCheckout } from './git-checkout.ts'
import { keptRef, withMirror, type WantedCommit } from './git-mirror.ts'
import { createGit, type Git, type GitOptions } from './git-run.ts'
import { parseGitAddress, withoutPassword, type GitAddress } from './git-url.ts'
import { InvalidRequestError, MycomposeError } from '../../../errors.ts'
import type { EngineBase } from '../../context.ts'

type Base = Pick<EngineBase, 'host' | 'config' | 'locks'>

export interface Checkout {
  /** The caller's to remove. */
  readonly path: string
  readonly commit: string
}

/** No submodules: they are the checkout's. */
const QUIET = ['--quiet', '--no-recurse-submodules', '--no-write-fetch-head'] as const
const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/

/** What `git ls-remote` says, by name. */
function parseRefs(text: string): ReadonlyMap<string, string> {
  const refs = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [commit = '', name = ''] = line.split('\t')
    if (COMMIT.test(commit) && name !== '') refs.set(name, commit)
  }
  return refs
}

async function resolveRef(git: Git, address: GitAddress): Promise<WantedCommit> {
  const { ref, remote } = address
  if (ref !== undefined && COMMIT.test(ref)) return { commit: ref, name: undefined }
  const refs = parseRefs(await git('ls-remote', '--', remote, ...(ref === undefined ? ['HEAD'] : [ref, `${ref}^{}`])))
  // as git: tags go before branches, and an annotated tag is the commit that it names
  const names = ref === undefined ? ['HEAD'] : [`refs/tags/${ref}`, `refs/heads/${ref}`, ref]
  for (const name of names) {
    const commit = refs.get(`${name}^{}`) ?? refs.get(name)
    if (commit !== undefined) return { commit, name }
  }
  throw new MycomposeError(`${withoutPassword(remote)} has no branch or tag ${JSON.stringify(ref ?? 'HEAD')}`, {
    code: 'GIT_REF_MISSING',
  })
}

function parse(url: string): GitAddress {
  const address = parseGitAddress(url, true)
  if (address !== undefined) return address
  throw new InvalidRequestError(`${JSON.stringify(url)} is no address of a git repository`, {
    code: 'GIT_URL',
    hint: 'https://host/repo.git#ref:folder, ssh://..., git://..., git@host:repo.git',
  })
}

function checkCommit(address: GitAddress, commit: string, checksum: string | undefined): void {
  const want = checksum ?? address.checksum
  if (want === undefined || commit.startsWith(want)) return
  throw new MycomposeError(
    `${withoutPassword(address.remote)} ${address.ref ?? 'HEAD'} is the commit ${commit}, expected ${want}`,
    { code: 'CHECKSUM_MISMATCH' },
  )
}

/** The commit that the address means now. Throws GIT_URL, GIT_FAILED, GIT_REF_MISSING, CHECKSUM_MISMATCH, UnsupportedError. */
export async function resolveCommit(
  base: Pick<Base, 'host' | 'config'>,
  url: string,
  options: GitOptions & { readonly checksum?: string | undefined } = {},
): Promise<string> {
  const address = parse(url)
  const { commit } = await resolveRef(createGit(base, address, options), address)
  checkCommit(address, commit, options.checksum)
  return commit
}

/**
 * Its files in a folder of tmp/. `keepGitDir`: with .git, unless only a folder of the repository is wanted. Throws GIT_URL,
 * GIT_FAILED, GIT_REF_MISSING, CHECKSUM_MISMATCH, UnsupportedError, CanceledError.
 */
export async function checkOut(
  base: Base,
  url: string,
  options: GitOptions & { readonly checksum?: string | undefined; readonly keepGitDir?: boolean } = {},
): Promise<Checkout> {
  const { host, config } = base
  const address = parse(url)
  await using undo = new AsyncDisposableStack()
  const folder = await host.files.mkdtemp(join(config.paths.temporary, 'git-'))
  undo.defer(() => host.files.rm(folder, { recursive: true, force: true }))
  const place = { kind: 'checkout', folder } as const
  const git = createGit(base, address, options, place)
  await host.files.mkdir(join(config.paths.root, 'build'), { recursive: true, mode: 0o700 })
  const resolved = await resolveRef(createGit(base, address, options), address)
  checkCommit(address, resolved.commit, options.checksum)
  options.onProgress?.(`commit ${resolved.commit}`)
  await git('init', '--quiet', ...(resolved.commit.length === 64 ? ['--object-format=sha256'] : []))
  await git('remote', 'add', 'origin', address.remote)
  await withMirror(base, address, resolved, options, async (mirror) => {
    const { signal } = options
    const local = createGit(base, address, { isLocal: true, ...(signal === undefined ? {} : { signal }) }, place)
    await local('fetch', ...QUIET, '--depth=1', '--no-tags', '--', mirror, keptRef(resolved))
  })
  await git('checkout', '--quiet', '--detach', resolved.commit)
  if (address.hasSubmodules && host.files.existsSync(join(folder, '.gitmodules')))
    await git('submodule', '--quiet', 'update', '--init', '--recursive', '--depth=1')
  await git('remote', 'set-url', 'origin', withoutPassword(address.remote))
  const seconds = Number(await git('log', '-1', '--format=%ct', resolved.commit))
  const keepsGitDir = (address.keepGitDir ?? options.keepGitDir ?? false) && address.folder === ''
  await settleCheckout(base, folder, { folder: address.folder, keepsGitDir, mtimeNs: BigInt(seconds) * 1_000_000_000n })
  undo.move()
  return { path: folder, commit: resolved.commit }
}
