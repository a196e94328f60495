/**
 * A git repository as a folder: the commit that a ref means, and its files. git runs with no settings but ours: no hooks, no
 * prompts, no transports but http, https, ssh and git, nothing of the user's or the machine's configuration; secrets go by its
 * environment, never by arguments. Files get the modes that git knows (0644, 0755) and the time of the commit, so that one
 * commit is one layer. Source: man 1 git (GIT_ALLOW_PROTOCOL), git-config (protocol.*, core.hooksPath); CVE-2026-33748.
 */
import { join } from 'node:path'
import { parseGitAddress, withoutPassword, type GitAddress } from './git-url.ts'
import { settleCheckout } from './git-checkout.ts'
import { InvalidRequestError, MycomposeError, ToolError, UnsupportedError } from '../../../errors.ts'
import type { EngineBase } from '../../context.ts'

type Base = Pick<EngineBase, 'host' | 'config'>

export interface GitOptions {
  /** Of an agent, for ssh. */
  readonly sshSocket?: string
  /** GIT_AUTH_TOKEN, GIT_AUTH_HEADER, also with ".host" behind. */
  readonly secrets?: ReadonlyMap<string, string>
  readonly signal?: AbortSignal
  readonly onProgress?: (line: string) => void
}

export interface Checkout {
  /** The caller's to remove. */
  readonly path: string
  readonly commit: string
}

const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/
const SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.symlinks=true',
  'protocol.allow=never',
  'protocol.http.allow=always',
  'protocol.https.allow=always',
  'protocol.git.allow=always',
  'protocol.ssh.allow=always',
  'gc.auto=0',
  'maintenance.auto=false',
  'submodule.recurse=false',
  'init.defaultBranch=master',
  'advice.detachedHead=false',
  'safe.directory=*',
] as const

/** "Authorization: ..." for the host, or undefined. */
function authorization({ host }: GitAddress, secrets: ReadonlyMap<string, string> | undefined): string | undefined {
  const find = (name: string): string | undefined => secrets?.get(`${name}.${host}`) ?? secrets?.get(name)
  const header = find('GIT_AUTH_HEADER')
  if (header !== undefined) return `Authorization: ${header.trim()}`
  const token = find('GIT_AUTH_TOKEN')
  if (token === undefined) return undefined
  return `Authorization: basic ${Buffer.from(`x-access-token:${token.trim()}`).toString('base64')}`
}

function environment(
  { config }: Base,
  address: GitAddress,
  { secrets, sshSocket }: GitOptions,
): Record<string, string> {
  const known = join(config.paths.root, 'build', 'known_hosts')
  const settings: [string, string][] = SETTINGS.map((setting) => {
    const equals = setting.indexOf('=')
    return [setting.slice(0, equals), setting.slice(equals + 1)]
  })
  const header = authorization(address, secrets)
  // for this remote alone: a submodule or a redirect elsewhere is not told
  if (header !== undefined && URL.canParse(address.remote))
    settings.push([`http.${new URL(address.remote).origin}/.extraHeader`, header])
  const numbered = settings.flatMap(([key, value], index): [string, string][] => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ])
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C.UTF-8',
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '/bin/false',
    SSH_ASKPASS: '/bin/false',
    GIT_ALLOW_PROTOCOL: 'http:https:ssh:git',
    GIT_PROTOCOL_FROM_USER: '0',
    GIT_SSH_COMMAND: `ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=${known}`,
    ...(sshSocket === undefined ? {} : { SSH_AUTH_SOCK: sshSocket }),
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(numbered),
  }
}

interface Git {
  /** Standard output. Throws GIT_FAILED, UnsupportedError, CanceledError. */
  (...args: readonly string[]): Promise<string>
}

function failed(address: GitAddress, args: readonly string[], cause: unknown): unknown {
  if (!(cause instanceof ToolError)) return cause
  if (cause.toolExitCode === null && cause.message.includes('ENOENT'))
    return new UnsupportedError('git repositories need git, and this machine has none', {
      hint: 'install it: apt-get install git',
      cause,
    })
  const said = cause.stderrTail.replaceAll(address.remote, withoutPassword(address.remote)).trim()
  return new MycomposeError(`git ${args[0]} of ${withoutPassword(address.remote)} failed: ${said}`, {
    code: 'GIT_FAILED',
    hint: 'is the address right, and does it need a login (secret GIT_AUTH_TOKEN, or --ssh)?',
  })
}

function createGit(base: Base, address: GitAddress, options: GitOptions, folder?: string): Git {
  const env = environment(base, address, options)
  const { signal } = options
  const where = folder === undefined ? [] : [`--git-dir=${join(folder, '.git')}`, `--work-tree=${folder}`]
  return async (...args) => {
    try {
      const result = await base.host.exec.run(['git', ...where, ...args], {
        env,
        cwd: folder ?? '/',
        ...(signal === undefined ? {} : { signal }),
      })
      return result.stdout
    } catch (cause) {
      throw failed(address, args, cause)
    }
  }
}

/** What `git ls-remote` says, by name. */
function parseRefs(text: string): ReadonlyMap<string, string> {
  const refs = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [commit = '', name = ''] = line.split('\t')
    if (COMMIT.test(commit) && name !== '') refs.set(name, commit)
  }
  return refs
}

interface Resolved {
  readonly commit: string
  /** The name by which it can be fetched; undefined: by the commit only. */
  readonly name: string | undefined
}

async function resolveRef(git: Git, address: GitAddress): Promise<Resolved> {
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
  base: Base,
  url: string,
  options: GitOptions & { readonly checksum?: string | undefined } = {},
): Promise<string> {
  const address = parse(url)
  const { commit } = await resolveRef(createGit(base, address, options), address)
  checkCommit(address, commit, options.checksum)
  return commit
}

/** Old and plain file servers know no shallow copies, and some give no commit that has no name: then all is fetched. */
async function fetchCommit(git: Git, { remote }: GitAddress, { commit, name }: Resolved): Promise<void> {
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
  const git = createGit(base, address, options, folder)
  await host.files.mkdir(join(config.paths.root, 'build'), { recursive: true, mode: 0o700 })
  const resolved = await resolveRef(createGit(base, address, options), address)
  checkCommit(address, resolved.commit, options.checksum)
  options.onProgress?.(`commit ${resolved.commit}`)
  await git('init', '--quiet', ...(resolved.commit.length === 64 ? ['--object-format=sha256'] : []))
  await git('remote', 'add', 'origin', address.remote)
  await fetchCommit(git, address, resolved)
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
