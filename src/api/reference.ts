/**
 * Names of images: "web:1" means docker.io/library/web:1. PURE. Source: the grammar of distribution/reference
 * (domain/path:tag@digest), as docker reads it.
 */
import { InvalidRequestError } from '../errors.ts'

export interface Reference {
  /** "docker.io", "localhost:5000". */
  readonly domain: string
  /** "library/web". */
  readonly path: string
  /** Absent with a digest. */
  readonly tag?: string
  /** "sha256:..." */
  readonly digest?: string
}

const DEFAULT_DOMAIN = 'docker.io'
const OFFICIAL = 'library/'
const MAX_NAME = 255
const DOMAIN =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d+)?$/
const PATH = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/
const DIGEST = /^sha256:[0-9a-f]{64}$/

function invalid(text: string, why: string): InvalidRequestError {
  return new InvalidRequestError(`invalid reference format: ${JSON.stringify(text)}: ${why}`, {
    code: 'IMAGE_REFERENCE',
    hint: 'write it as NAME, NAME:TAG or REGISTRY/NAME:TAG, the name in lower case',
  })
}

/** The first part is a registry when it looks like a host: a dot, a port, upper case, or localhost. */
function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf('/')
  const first = name.slice(0, Math.max(slash, 0))
  const isDomain = /[.:[]/.test(first) || first === 'localhost' || first !== first.toLowerCase()
  if (slash < 0 || !isDomain) return { domain: DEFAULT_DOMAIN, path: name.includes('/') ? name : `${OFFICIAL}${name}` }
  const domain = first === 'index.docker.io' ? DEFAULT_DOMAIN : first
  const path = name.slice(slash + 1)
  return { domain, path: domain === DEFAULT_DOMAIN && !path.includes('/') ? `${OFFICIAL}${path}` : path }
}

/**
 * Throws InvalidRequestError (IMAGE_REFERENCE).
 * @example parseReference("web") is { domain: "docker.io", path: "library/web", tag: "latest" }
 */
export function parseReference(text: string): Reference {
  const [named = '', digest, ...more] = text.split('@')
  if (more.length > 0 || (digest !== undefined && !DIGEST.test(digest)))
    throw invalid(text, 'the digest is not sha256:<64 hex digits>')
  const colon = named.lastIndexOf(':')
  const tag = colon > named.lastIndexOf('/') ? named.slice(colon + 1) : undefined
  const name = tag === undefined ? named : named.slice(0, colon)
  if (/^[0-9a-f]{64}$/.test(name)) throw invalid(text, '64 hex digits are an id, not a name')
  if (tag !== undefined && !TAG.test(tag)) throw invalid(text, `${JSON.stringify(tag)} is no tag`)
  const { domain, path } = splitDomain(name)
  if (!DOMAIN.test(domain)) throw invalid(text, `${JSON.stringify(domain)} is no host name`)
  if (path !== path.toLowerCase()) throw invalid(text, 'the name must be in lower case')
  if (!PATH.test(path)) throw invalid(text, `${JSON.stringify(path)} is no repository name`)
  if (path.length > MAX_NAME) throw invalid(text, `the name is longer than ${MAX_NAME} characters`)
  if (digest !== undefined) return { domain, path, digest, ...(tag === undefined ? {} : { tag }) }
  return { domain, path, tag: tag ?? 'latest' }
}

/** In full, without a digest: the key of a tag in the state ("docker.io/library/web:1"). */
export function toCanonicalTag({ domain, path, tag }: Reference): string {
  return `${domain}/${path}:${tag ?? 'latest'}`
}

/** As people write it: without docker.io and library. "docker.io/library/web:1" gives "web:1". */
export function toFamiliar(canonical: string): string {
  if (!canonical.startsWith(`${DEFAULT_DOMAIN}/`)) return canonical
  const rest = canonical.slice(DEFAULT_DOMAIN.length + 1)
  const official = rest.startsWith(OFFICIAL) && !rest.slice(OFFICIAL.length).includes('/')
  return official ? rest.slice(OFFICIAL.length) : rest
}

/** The name without tag and digest: "web:1" gives "web". */
export function familiarRepository(familiarTag: string): string {
  const colon = familiarTag.lastIndexOf(':')
  return colon > familiarTag.lastIndexOf('/') ? familiarTag.slice(0, colon) : familiarTag
}
