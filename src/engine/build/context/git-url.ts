/**
 * Addresses of git repositories as builds have them: "https://host/repo.git#ref:folder", "git@host:repo.git",
 * "ssh://...", "git://...", "?branch=main&subdir=web". PURE. Nothing of them may be taken for an option of git or ssh, and no
 * other transport is spoken: `ext::` runs programs, `file:` reads this machine.
 * Source: BuildKit's dfgitutil; git-check-ref-format(1); CVE-2017-1000117, GHSA-hw3h.
 */
import { InvalidRequestError } from '../../../errors.ts'

export interface GitAddress {
  /** For git: without fragment and query. May hold credentials. */
  readonly remote: string
  /** "host" or "host:port", for secrets and settings. */
  readonly host: string
  /** Branch, tag, "refs/..." or a whole commit id; undefined: the default branch. */
  readonly ref: string | undefined
  /** Clean, without "/" at its ends; "" is all. */
  readonly folder: string
  /** The beginning of the commit id that it must be. */
  readonly checksum: string | undefined
  readonly keepGitDir: boolean | undefined
  readonly hasSubmodules: boolean
}

const SCHEME = /^([a-zA-Z0-9]+):\/\//
const SCHEMES = new Set(['http', 'https', 'ssh', 'git'])
const SCP = /^([a-zA-Z0-9_-]+)@([a-zA-Z0-9.-]+):([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s
// oxlint-disable-next-line no-control-regex -- exactly these must not reach a program's arguments
const CONTROL = /[\u0000-\u0020\u007f]/

function bad(text: string, why: string, hint?: string): InvalidRequestError {
  return new InvalidRequestError(`invalid git address ${JSON.stringify(withoutPassword(text))}: ${why}`, {
    code: 'GIT_URL',
    hint,
  })
}

/** Fit for messages. PURE. */
export function withoutPassword(text: string): string {
  return text.replace(/^([a-z0-9]+:\/\/)[^/@#?]*@/i, '$1xxxxx@')
}

/** As git-check-ref-format(1) wants it, and without "-" or "+" in front. */
function checkRef(text: string, ref: string): void {
  const isBad =
    /^[-+/.]|\.\.|\/\/|@\{|[~^:?*[\\]|\/\.|\.lock(?:\/|$)|[/.]$/.test(ref) || CONTROL.test(ref) || ref === '@'
  if (isBad) throw bad(text, `${JSON.stringify(ref)} is no name of a branch, a tag or a commit`)
}

function cleanFolder(text: string, folder: string): string {
  const parts = folder.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) throw bad(text, `the folder ${JSON.stringify(folder)} leads out of the repository`)
  if (parts.some((part) => part.toLowerCase() === '.git')) throw bad(text, 'a folder .git is no context')
  if (folder.includes('\0')) throw bad(text, 'a NUL byte')
  return parts.join('/')
}

interface Wishes {
  readonly ref: string | undefined
  readonly folder: string
  readonly checksum: string | undefined
  readonly keepGitDir: boolean | undefined
  readonly submodules: boolean | undefined
}

function toBoolean(text: string, key: string, value: string): boolean {
  if (['', '1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false
  throw bad(text, `${key} is ${JSON.stringify(value)}, neither true nor false`)
}

/** `fallback`, unless both are there and differ. */
function agree(text: string, key: string, first: string | undefined, second: string | undefined): string | undefined {
  if (first !== undefined && second !== undefined && first !== second)
    throw bad(text, `${key} is said twice: ${JSON.stringify(first)} and ${JSON.stringify(second)}`)
  return first ?? second
}

const prefixed = (prefix: string, name: string): string => (name.startsWith(prefix) ? name : `${prefix}${name}`)

function readQuery(text: string, query: string, fragment: Pick<Wishes, 'ref' | 'folder'>): Wishes {
  let wishes: Wishes = { ...fragment, checksum: undefined, keepGitDir: undefined, submodules: undefined }
  const parameters = new URLSearchParams(query)
  for (const key of new Set(parameters.keys())) {
    const values = parameters.getAll(key)
    const [value = ''] = values
    if (values.length > 1) throw bad(text, `${key} is there twice`)
    const isFlag = key === 'submodules' || key === 'keep-git-dir' || key === 'fetch-by-commit'
    if (value === '' && !isFlag) throw bad(text, `${key} has no value`)
    const ref = (name: string): Wishes => ({ ...wishes, ref: agree(text, 'the ref', wishes.ref, name) })
    switch (key) {
      case 'ref':
        wishes = ref(value)
        break
      case 'tag':
        wishes = ref(prefixed('refs/tags/', value))
        break
      case 'branch':
        wishes = ref(prefixed('refs/heads/', value))
        break
      case 'subdir': {
        const known = wishes.folder === '' ? undefined : wishes.folder
        wishes = { ...wishes, folder: agree(text, 'the folder', known, cleanFolder(text, value)) ?? '' }
        break
      }
      case 'checksum':
      case 'commit':
        wishes = { ...wishes, checksum: agree(text, 'the commit', wishes.checksum, value) }
        break
      case 'keep-git-dir':
        wishes = { ...wishes, keepGitDir: toBoolean(text, key, value) }
        break
      case 'submodules':
        wishes = { ...wishes, submodules: toBoolean(text, key, value) }
        break
      case 'mtime':
        if (value !== 'checkout' && value !== 'commit') throw bad(text, `mtime is ${JSON.stringify(value)}`)
        break
      case 'fetch-by-commit':
        toBoolean(text, key, value)
        break
      default:
        throw bad(
          text,
          `unknown parameter ${JSON.stringify(key)}`,
          'there are: ref, tag, branch, subdir, commit, submodules, keep-git-dir',
        )
    }
  }
  return wishes
}

function toAddress(text: string, remote: string, host: string, query: string, fragment: string): GitAddress {
  const colon = fragment.indexOf(':')
  const [ref, folder] = colon === -1 ? [fragment, ''] : [fragment.slice(0, colon), fragment.slice(colon + 1)]
  const wishes = readQuery(text, query, { ref: ref === '' ? undefined : ref, folder: cleanFolder(text, folder) })
  if (wishes.ref !== undefined) checkRef(text, wishes.ref)
  if (wishes.checksum !== undefined && !/^[0-9a-f]{7,64}$/.test(wishes.checksum))
    throw bad(text, `${JSON.stringify(wishes.checksum)} is no commit id`)
  const { submodules, ...rest } = wishes
  return { remote, host, ...rest, hasSubmodules: submodules ?? true }
}

/** Before and behind the first `mark`; "" behind when there is none. */
function cut(text: string, mark: string): readonly [string, string] {
  const at = text.indexOf(mark)
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

function decode(text: string, part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw bad(text, `${JSON.stringify(part)} has a wrong % sequence`)
  }
}

function parseUrl(text: string, isKnown: boolean): GitAddress | undefined {
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase()
  if (scheme === undefined || !SCHEMES.has(scheme) || !URL.canParse(text)) return undefined
  const [whole, fragment] = cut(text, '#')
  const [remote, query] = cut(whole, '?')
  const url = new URL(remote)
  if (!isKnown && scheme.startsWith('http') && !url.pathname.endsWith('.git')) return undefined
  if (CONTROL.test(remote)) throw bad(text, 'blanks and control characters')
  if (url.hostname.startsWith('-') || decode(text, url.username).startsWith('-') || url.hostname === '')
    throw bad(text, `the host ${JSON.stringify(url.hostname)} cannot be`)
  if (/^\/+-/.test(url.pathname) && scheme === 'ssh') throw bad(text, 'the path begins with "-"')
  return toAddress(text, remote, url.host, query, decode(text, fragment))
}

function parseScp(text: string): GitAddress | undefined {
  const parts = SCP.exec(text)
  if (parts === null) return undefined
  const [, user = '', host = '', path = '', query = '', fragment = ''] = parts
  if (user.startsWith('-') || host.startsWith('-') || path.startsWith('-') || CONTROL.test(path) || path === '')
    throw bad(text, 'user, host and path must not begin with "-"')
  return toAddress(text, `${user}@${host}:${path}`, host, query, fragment)
}

/**
 * Undefined: no address of a git repository (a path, another URL). `isKnown`: it was said to be one, so that an http address
 * need not end in ".git". Throws InvalidRequestError (GIT_URL).
 *
 * @example parseGitAddress("https://example.com/web.git#v1:docker")?.folder // "docker"
 */
export function parseGitAddress(text: string, isKnown = false): GitAddress | undefined {
  return parseUrl(text, isKnown) ?? parseScp(text)
}
