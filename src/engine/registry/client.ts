/**
 * What is asked of a registry about one repository: manifests, blobs, uploads. Every byte that has a digest is checked
 * against it here or by `download.ts`. Source: distribution-spec spec.md ("Pull", "Push").
 */
import type { Readable } from 'node:stream'
import { MANIFEST_ACCEPT } from './media-types.ts'
import { MAX_MANIFEST_BYTES, type Descriptor } from './manifest.ts'
import { discardBody } from './read-body.ts'
import type { Transport, TransportResponse } from './transport.ts'
import { digestOf } from '../layers/chain.ts'
import { MycomposeError } from '../../errors.ts'
import type { WebResponse } from '../../host/web.ts'

export interface FetchedManifest {
  readonly bytes: Buffer
  /** Content-Type. */
  readonly servedAs: string | undefined
  /** Of the bytes, "sha256:...". */
  readonly digest: string
}

export interface OpenedBlob {
  readonly body: Readable
  /** Where the body begins: what was asked for, or 0 when the registry knows no ranges. */
  readonly offset: number
}

/** DIGEST_MISMATCH: what came is not what was asked for. */
export function digestMismatch(host: string, what: string, wanted: string, found: string): MycomposeError {
  return new MycomposeError(`the registry ${host} sent the wrong bytes for ${what}: ${found} instead of ${wanted}`, {
    code: 'REGISTRY_DIGEST',
    hint: 'the registry or something on the way to it (a proxy, a mirror) is broken or hostile; nothing was kept',
  })
}

/** `reference`: a tag or a digest. */
export async function fetchManifest(transport: Transport, reference: string): Promise<FetchedManifest> {
  const what = `the manifest of ${transport.repository}:${reference}`
  const request = {
    method: 'GET',
    target: `manifests/${reference}`,
    headers: { accept: MANIFEST_ACCEPT },
    ok: [200],
    what,
  } as const
  const { bytes, ...response } = await transport.read(request, MAX_MANIFEST_BYTES)
  const digest = digestOf(bytes)
  const stated = response.headers['docker-content-digest']
  const wanted = reference.startsWith('sha256:') ? reference : String(stated ?? digest)
  if (wanted.startsWith('sha256:') && wanted !== digest)
    throw digestMismatch(transport.endpoint.host, what, wanted, digest)
  return { bytes, servedAs: response.headers['content-type'], digest }
}

/** A small blob, whole and checked. */
export async function fetchBlob(
  transport: Transport,
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
  what: string,
): Promise<Buffer> {
  const request = { method: 'GET', target: `blobs/${digest}`, ok: [200], what } as const
  const { bytes } = await transport.read(request, size)
  const found = digestOf(bytes)
  if (found !== digest) throw digestMismatch(transport.endpoint.host, what, digest, found)
  return bytes
}

/**
 * The digest behind a tag, without its bytes (registries do not count it as a pull); undefined when there is none. Asked
 * once: who needs an answer asks for the bytes then.
 */
export async function findManifest(transport: Transport, reference: string): Promise<string | undefined> {
  const response = await transport.request({
    method: 'HEAD',
    target: `manifests/${reference}`,
    headers: { accept: MANIFEST_ACCEPT },
    ok: [200, 404],
    what: `the manifest of ${transport.repository}:${reference}`,
    once: true,
  })
  await discardBody(response.body)
  const digest = response.headers['docker-content-digest']
  return response.status === 200 && typeof digest === 'string' ? digest : undefined
}

function startOf(response: WebResponse): number | undefined {
  const start = /^bytes (\d+)-/.exec(response.headers['content-range'] ?? '')?.[1]
  return start === undefined ? undefined : Number(start)
}

/** `offset`: bytes that are there already. */
export async function openBlob(
  transport: Transport,
  digest: string,
  offset: number,
  signal?: AbortSignal,
): Promise<OpenedBlob> {
  const response = await transport.request({
    method: 'GET',
    target: `blobs/${digest}`,
    headers: offset > 0 ? { range: `bytes=${offset}-` } : {},
    ok: offset > 0 ? [200, 206, 416] : [200],
    what: `the blob ${digest.slice(0, 19)} of ${transport.repository}`,
    ...(signal === undefined ? {} : { signal }),
  })
  if (response.status === 200) return { body: response.body, offset: 0 }
  if (response.status === 206 && startOf(response) === offset) return { body: response.body, offset }
  // a range that was not asked for, or none: from the beginning
  await discardBody(response.body)
  return await openBlob(transport, digest, 0, signal)
}

export async function hasBlob(transport: Transport, digest: string): Promise<boolean> {
  const response = await transport.request({
    method: 'HEAD',
    target: `blobs/${digest}`,
    ok: [200, 404],
    what: `the blob ${digest.slice(0, 19)}`,
  })
  await discardBody(response.body)
  return response.status === 200
}

/** Where the next bytes of an upload go; undefined: the blob is there already (mounted from another repository). */
export type Upload = { readonly location: URL } | undefined

function locationOf({ url, headers }: TransportResponse, host: string): { readonly location: URL } {
  const { location } = headers
  if (location === undefined || !URL.canParse(location, url.href))
    throw new MycomposeError(`the registry ${host} names no place for an upload`, { code: 'REGISTRY_ANSWER' })
  const next = new URL(location, url)
  if (!/^https?:$/.test(next.protocol) || (url.protocol === 'https:' && next.protocol === 'http:'))
    throw new MycomposeError(`the registry ${host} leads an upload from ${url.origin} to ${location.slice(0, 200)}`, {
      code: 'REGISTRY_REDIRECT',
      hint: 'only http(s) addresses are followed, and never from https to http',
    })
  return { location: next }
}

/** `mount`: take the blob from another repository of the same registry, when one may read that. */
export async function startUpload(
  transport: Transport,
  mount?: { readonly digest: string; readonly from: string },
): Promise<Upload> {
  const query =
    mount === undefined ? '' : `?${new URLSearchParams({ mount: mount.digest, from: mount.from }).toString()}`
  const response = await transport.request({
    method: 'POST',
    target: `blobs/uploads/${query}`,
    headers: { 'content-length': '0' },
    ok: [201, 202],
    what: `an upload to ${transport.repository}`,
    ...(mount === undefined ? {} : { scopes: [`repository:${mount.from}:pull`] }),
  })
  await discardBody(response.body)
  return response.status === 201 ? undefined : locationOf(response, transport.endpoint.host)
}

/**
 * Sends `length` bytes from `start` on, once. Returns where to go on; undefined when the upload does not stand at `start`
 * (any more) or is forgotten: it has to be asked for.
 */
export async function sendChunk(
  transport: Transport,
  { location }: NonNullable<Upload>,
  chunk: { readonly start: number; readonly length: number; readonly body: () => Uint8Array | Readable },
): Promise<Upload> {
  const response = await transport.request({
    method: 'PATCH',
    target: location,
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(chunk.length),
      'content-range': `${chunk.start}-${chunk.start + chunk.length - 1}`,
    },
    body: chunk.body,
    ok: [202, 404, 416],
    what: `a part of a blob for ${transport.repository}`,
    once: true,
  })
  await discardBody(response.body)
  return response.status === 202 ? locationOf(response, transport.endpoint.host) : undefined
}

/** How much of an upload the registry has, after a chunk of unknown fate; undefined: it has forgotten the upload. */
export async function askUpload(
  transport: Transport,
  { location }: NonNullable<Upload>,
): Promise<{ readonly offset: number; readonly location: URL } | undefined> {
  const response = await transport.request({
    method: 'GET',
    target: location,
    ok: [204, 202, 404],
    what: `an upload to ${transport.repository}`,
  })
  await discardBody(response.body)
  if (response.status === 404) return undefined
  const last = /^(?:bytes=)?0-(\d+)$/.exec(response.headers['range'] ?? '')?.[1]
  const next = response.headers.location === undefined ? { location } : locationOf(response, transport.endpoint.host)
  // "0-0" is what distribution says of an empty upload as well as of one byte: one byte sent again is refused with 416
  return { offset: last === undefined || last === '0' ? 0 : Number(last) + 1, ...next }
}

/** Closes an upload: the registry checks the digest. */
export async function finishUpload(
  transport: Transport,
  { location }: NonNullable<Upload>,
  digest: string,
): Promise<void> {
  const target = new URL(location)
  target.searchParams.set('digest', digest)
  const response = await transport.request({
    method: 'PUT',
    target,
    headers: { 'content-length': '0' },
    ok: [201, 204],
    what: `the blob ${digest.slice(0, 19)} for ${transport.repository}`,
  })
  await discardBody(response.body)
}

/** `reference`: a tag or a digest. Returns the digest. */
export async function putManifest(
  transport: Transport,
  reference: string,
  manifest: { readonly bytes: Buffer; readonly mediaType: string },
): Promise<string> {
  const response = await transport.request({
    method: 'PUT',
    target: `manifests/${reference}`,
    headers: { 'content-type': manifest.mediaType, 'content-length': String(manifest.bytes.length) },
    body: () => manifest.bytes,
    ok: [201, 202],
    what: `the manifest of ${transport.repository}:${reference}`,
  })
  await discardBody(response.body)
  return digestOf(manifest.bytes)
}
