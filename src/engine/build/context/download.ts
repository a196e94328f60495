/**
 * Files from http(s) for ADD and contexts. Kept in build/http of the root, one for each address: what the server says is
 * unchanged (ETag, asked by HEAD as some servers answer If-None-Match wrongly) is not fetched again, and what a checksum pins
 * is not even asked for. Source: RFC 9110 section 8.8.3 and 15.4; Dockerfile reference, ADD; BuildKit's http source.
 */
import { createHash, hash } from 'node:crypto'
import { basename, join } from 'node:path'
import { InvalidRequestError, MycomposeError, errnoOf } from '../../../errors.ts'
import type { EngineBase } from '../../context.ts'
import type { WebResponse } from '../../../host/web.ts'
import { readLayerLimits, roomOn } from '../../layers/limits.ts'
import { withoutPassword } from './git-url.ts'

type Base = Pick<EngineBase, 'host' | 'config' | 'locks'>

export interface DownloadOptions {
  /** "sha256:<hex>", also sha384 and sha512. */
  readonly checksum?: string | undefined
  /** HTTP_AUTH_TOKEN_<host>, HTTP_AUTH_HEADER_<host>. */
  readonly secrets?: ReadonlyMap<string, string>
  readonly signal?: AbortSignal
}

export interface Download {
  /** In the folder that was given; the file is kept, too, and not to be changed. */
  readonly path: string
  /** What the address calls it: "app.tar.gz"; "__unnamed__" when it says nothing. */
  readonly name: string
  /** "sha256:<hex>" of its bytes. */
  readonly digest: string
  /** Of Last-Modified; 0 when the server does not say. */
  readonly mtimeMs: number
}

interface Kept {
  readonly url: string
  readonly etag: string
  readonly digest: string
  readonly mtimeMs: number
}

const MAX_REDIRECTS = 10
const CHECKSUM = /^(sha256|sha384|sha512):([0-9a-f]+)$/
const CHECK_ROOM_BYTES = 64 * 2 ** 20
const USER_AGENT = 'mycompose'

function failure(url: string, why: string, cause?: unknown): MycomposeError {
  return new MycomposeError(`cannot get ${withoutPassword(url)}: ${why}`, { code: 'HTTP_SOURCE', cause })
}

/** Weak or strong, it is the same bytes that a build wants. */
const etagOf = ({ headers }: WebResponse): string => (headers.etag ?? '').replace(/^W\//, '')

function secretOf(url: URL, secrets: ReadonlyMap<string, string> | undefined): string | undefined {
  const header = secrets?.get(`HTTP_AUTH_HEADER_${url.host}`)
  if (header !== undefined) return header.trim()
  const token = secrets?.get(`HTTP_AUTH_TOKEN_${url.host}`)
  return token === undefined ? undefined : `Bearer ${token.trim()}`
}

export function isHttpUrl(url: string): boolean {
  return /^https?:\/\//i.test(url) && URL.canParse(url)
}

/** What ADD calls the file. PURE. */
export function nameOfUrl(url: string): string {
  const name = basename(decodeSafely(new URL(url).pathname))
  return name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')
    ? '__unnamed__'
    : name
}

function decodeSafely(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** Follows redirects, never from https to http; a secret goes to the host that it is for and to no other. */
async function request(
  { host }: Pick<Base, 'host'>,
  method: 'GET' | 'HEAD',
  address: string,
  { secrets, signal }: DownloadOptions,
  headers: Readonly<Record<string, string>>,
): Promise<WebResponse> {
  let url = new URL(address)
  for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
    const secret = secretOf(url, secrets)
    let response: WebResponse
    try {
      response = await host.web.request({
        method,
        url,
        headers: { 'user-agent': USER_AGENT, ...headers, ...(secret === undefined ? {} : { authorization: secret }) },
        ...(signal === undefined ? {} : { signal }),
      })
    } catch (cause) {
      if (cause instanceof MycomposeError) throw cause
      throw failure(address, cause instanceof Error ? cause.message : String(cause), cause)
    }
    const { location } = response.headers
    if (![301, 302, 303, 307, 308].includes(response.status) || location === undefined) return response
    response.body.destroy()
    const next = URL.canParse(location, url.href) ? new URL(location, url.href) : undefined
    if (next === undefined || !/^https?:$/.test(next.protocol)) throw failure(address, 'a redirect to nowhere')
    if (url.protocol === 'https:' && next.protocol === 'http:') throw failure(address, 'a redirect from https to http')
    url = next
  }
  throw failure(address, `more than ${MAX_REDIRECTS} redirects`)
}

async function readKept({ host }: Base, folder: string): Promise<Kept | undefined> {
  const text = await host.files.readTextIfExists(join(folder, 'kept.json'))
  if (text === undefined) return undefined
  try {
    const kept = JSON.parse(text) as Kept
    return host.files.existsSync(bodyPath(folder, kept.digest)) ? kept : undefined
  } catch {
    return undefined
  }
}

const bodyPath = (folder: string, digest: string): string => join(folder, digest.replace(':', '-'))

async function isUnchanged(base: Base, url: string, kept: Kept, options: DownloadOptions): Promise<boolean> {
  if (kept.etag === '') return false
  const response = await request(base, 'HEAD', url, options, { 'if-none-match': kept.etag }).catch((error: unknown) => {
    // some servers know no HEAD: then GET tells what is wrong
    if (error instanceof MycomposeError && error.code === 'HTTP_SOURCE') return undefined
    throw error
  })
  if (response === undefined) return false
  response.body.destroy()
  const etag = etagOf(response)
  return (
    (response.status === 304 && (etag === '' || etag === kept.etag)) || (response.status === 200 && etag === kept.etag)
  )
}

function checksumOf(checksum: string): { readonly algorithm: string; readonly hex: string } {
  const [, algorithm = '', hex = ''] = CHECKSUM.exec(checksum) ?? []
  if (algorithm === '' || hex.length !== createHash(algorithm).digest('hex').length)
    throw new InvalidRequestError(`invalid checksum ${JSON.stringify(checksum)}`, {
      code: 'CHECKSUM_INVALID',
      hint: 'want sha256:<64 hex digits>',
    })
  return { algorithm, hex }
}

/** The body in a file beside the kept one; its digest, and that of the checksum's kind. */
async function save(base: Base, response: WebResponse, path: string, algorithm: string): Promise<[string, string]> {
  const { host, config } = base
  const { keptFreeBytes } = await readLayerLimits(host, config.paths.root)
  const [own, wanted] = [createHash('sha256'), createHash(algorithm)]
  const file = await host.files.open(path, 'wx', 0o600)
  let bytes = 0
  let nextCheck = 0
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      if (bytes >= nextCheck) {
        nextCheck = bytes + CHECK_ROOM_BYTES
        if ((await roomOn(host, config.paths.root, keptFreeBytes)) <= 0)
          throw new MycomposeError('the disk is nearly full: a download was stopped', { code: 'DISK_FULL' })
      }
      own.update(chunk)
      wanted.update(chunk)
      bytes += chunk.length
      for (let done = 0; done < chunk.length;) done += (await file.write(chunk, done)).bytesWritten
    }
  } finally {
    await file.close()
  }
  return [`sha256:${own.digest('hex')}`, wanted.digest('hex')]
}

async function fetchBody(base: Base, folder: string, url: string, options: DownloadOptions): Promise<Kept> {
  const { host } = base
  const want = options.checksum === undefined ? undefined : checksumOf(options.checksum)
  const response = await request(base, 'GET', url, options, {})
  if (response.status < 200 || response.status >= 300) {
    response.body.destroy()
    throw failure(url, `invalid response status ${response.status}`)
  }
  const temporary = join(base.config.paths.temporary, `download-${host.randomHex(8)}`)
  try {
    const [digest, hex] = await save(base, response, temporary, want?.algorithm ?? 'sha256').catch((cause: unknown) => {
      if (errnoOf(cause) === 'ECONNRESET' || errnoOf(cause) === 'ETIMEDOUT') throw failure(url, 'it broke off', cause)
      throw cause
    })
    if (want !== undefined && want.hex !== hex)
      throw new MycomposeError(
        `digest mismatch for ${withoutPassword(url)}: ${want.algorithm}:${hex} (expected: ${options.checksum})`,
        { code: 'CHECKSUM_MISMATCH' },
      )
    const mtimeMs = Date.parse(response.headers['last-modified'] ?? '') || 0
    await host.files.utimes(temporary, mtimeMs / 1000, mtimeMs / 1000)
    await host.files.rename(temporary, bodyPath(folder, digest))
    const kept: Kept = { url: withoutPassword(url), etag: etagOf(response), digest, mtimeMs }
    await host.files.writeAtomic(join(folder, 'kept.json'), JSON.stringify(kept), { durable: false })
    return kept
  } finally {
    await host.files.rm(temporary, { force: true })
  }
}

/** What a server had before. */
async function dropOthers({ host }: Base, folder: string, digest: string): Promise<void> {
  const keep = new Set(['kept.json', digest.replace(':', '-')])
  for (const name of await host.files.readdir(folder))
    if (!keep.has(name)) await host.files.rm(join(folder, name), { force: true })
}

/**
 * The file as a link in the folder `into`, which lies in tmp/. Throws HTTP_SOURCE, CHECKSUM_INVALID, CHECKSUM_MISMATCH,
 * DISK_FULL, CanceledError.
 */
export async function download(
  base: Base,
  url: string,
  into: string,
  options: DownloadOptions = {},
): Promise<Download> {
  if (!isHttpUrl(url))
    throw new InvalidRequestError(`${JSON.stringify(url)} is no http address`, { code: 'HTTP_SOURCE' })
  const want = options.checksum === undefined ? undefined : checksumOf(options.checksum)
  const place = hash('sha256', url)
  const folder = join(base.config.paths.root, 'build', 'http', place)
  return base.locks.run(`download:${place}`, async () => {
    await base.host.files.mkdir(folder, { recursive: true, mode: 0o700 })
    const known = await readKept(base, folder)
    const isPinned = known !== undefined && want !== undefined && known.digest === `sha256:${want.hex}`
    const mayKeep = known !== undefined && want === undefined && (await isUnchanged(base, url, known, options))
    const kept = isPinned || mayKeep ? known : await fetchBody(base, folder, url, options)
    await dropOthers(base, folder, kept.digest)
    const name = nameOfUrl(url)
    const path = join(into, name)
    await base.host.files.link(bodyPath(folder, kept.digest), path)
    return { path, name, digest: kept.digest, mtimeMs: kept.mtimeMs }
  })
}
