/**
 * One image of a folder that holds an OCI layout, as a tar for the store's own loader, which checks every digest. The folder is
 * the user's and may hold links: blobs are opened below it without following any, documents are read within it.
 * Source: OCI image-spec, image-layout.md; BuildKit's "oci-layout://path:tag@digest".
 */
import { hash } from 'node:crypto'
import { Readable } from 'node:stream'
import { parseManifest, type Descriptor } from '../../registry/manifest.ts'
import { OCI_INDEX } from '../../registry/media-types.ts'
import { InvalidRequestError, NotFoundError, errnoOf } from '../../../errors.ts'
import type { At } from '../../../host/at.ts'
import type { Host } from '../../../host/host.ts'
import type { TarEntry } from '../../layers/tar-entry.ts'
import { TAR_END, formatTarHeader, paddingBytes } from '../../layers/tar-writer.ts'

const REF_NAME = 'org.opencontainers.image.ref.name'
const DIGEST = /^sha256:([0-9a-f]{64})$/
const MAX_DOCUMENT_BYTES = 4 * 2 ** 20
const CHUNK_BYTES = 256 * 1024
const DEFAULT_TAG = 'latest'
/** An index of indexes; deeper ones the loader refuses. */
const MAX_DEPTH = 2

function layoutError(path: string, why: string): InvalidRequestError {
  return new InvalidRequestError(`${path} is no OCI layout: ${why}`, { code: 'OCI_LAYOUT' })
}

function readDocument({ rooted }: Host, path: string, name: string): Buffer {
  const text = rooted.readText(path, name, MAX_DOCUMENT_BYTES)
  if (text === undefined) throw layoutError(path, `${name} is missing`)
  return Buffer.from(text)
}

function hexOf(path: string, { digest }: Pick<Descriptor, 'digest'>): string {
  const hex = DIGEST.exec(digest)?.[1]
  if (hex === undefined) throw layoutError(path, `the digest ${JSON.stringify(digest)} is not sha256:<64 hex digits>`)
  return hex
}

/** The entries of index.json that the reference ("tag", "sha256:...") means; absent: "latest", or all when none is named so. */
function chosenEntries(host: Host, path: string, reference: string | undefined): Descriptor[] {
  const index = parseManifest(readDocument(host, path, 'index.json'), OCI_INDEX)
  if (index.kind !== 'index') throw layoutError(path, 'index.json is no index')
  const isMeant = ({ digest, annotations }: Descriptor, wanted: string): boolean => {
    const name = annotations?.[REF_NAME]
    return digest === wanted || name === wanted || name?.endsWith(`:${wanted}`) === true
  }
  const chosen = index.manifests.filter((entry) => isMeant(entry, reference ?? DEFAULT_TAG))
  if (chosen.length > 0) return chosen
  if (reference === undefined && index.manifests.length === 1) return [...index.manifests]
  const names = index.manifests.map(({ digest, annotations }) => annotations?.[REF_NAME] ?? digest)
  throw new NotFoundError(`the OCI layout ${path} has no image ${JSON.stringify(reference ?? DEFAULT_TAG)}`, {
    code: 'OCI_LAYOUT',
    hint: `it has: ${names.slice(0, 10).join(', ')}`,
  })
}

/** Hex digests of all blobs below the entries, documents first; of an index those of other platforms may be missing. */
function blobsBelow(host: Host, path: string, entries: readonly Descriptor[]): Set<string> {
  const blobs = new Set<string>()
  const visit = (entry: Descriptor, depth: number): void => {
    const hex = hexOf(path, entry)
    const name = `blobs/sha256/${hex}`
    if (depth > 0 && host.rooted.readText(path, name, MAX_DOCUMENT_BYTES) === undefined) return
    blobs.add(hex)
    const parsed = parseManifest(readDocument(host, path, name), entry.mediaType)
    if (parsed.kind === 'index') {
      if (depth < MAX_DEPTH) for (const inner of parsed.manifests) visit(inner, depth + 1)
      return
    }
    for (const blob of [parsed.config, ...parsed.layers]) blobs.add(hexOf(path, blob))
  }
  for (const entry of entries) visit(entry, 0)
  return blobs
}

function header(path: string, sizeBytes: number): Buffer {
  const entry: TarEntry = {
    kind: 'file',
    path,
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes,
    mtimeNs: 0n,
    target: '',
    major: 0,
    minor: 0,
    xattrs: new Map(),
  }
  return formatTarHeader(entry)
}

function* blobBytes({ at, statx }: Host, folder: number, hex: string): Generator<Buffer> {
  const fd = openBlob(at, folder, hex)
  if (fd === undefined) return
  try {
    const sizeBytes = statx(fd, '')?.sizeBytes ?? 0
    yield header(`blobs/sha256/${hex}`, sizeBytes)
    let left = sizeBytes
    while (left > 0) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, left))
      const count = at.read(fd, chunk)
      // it became shorter: the loader finds the wrong digest
      yield count === 0 ? chunk.fill(0) : chunk.subarray(0, count)
      left -= count === 0 ? chunk.length : count
    }
    yield paddingBytes(sizeBytes)
  } finally {
    at.close(fd)
  }
}

/** Undefined: it is not there; the loader says so when it is needed. */
function openBlob(at: At, folder: number, hex: string): number | undefined {
  try {
    return at.openFile(folder, hex)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

export interface LayoutImage {
  /** "sha256:<hex>" of its configuration; undefined for an index, of which the loader chooses. */
  readonly id: string | undefined
  /** Names no image, so that loading it tags none. */
  readonly tar: () => Readable
}

/** Several entries of one name are the platforms of one image: an index of them, of which the loader chooses. */
function unite(entries: readonly Descriptor[]): { readonly entry: object; readonly index: Buffer | undefined } {
  const manifests = entries.map(({ mediaType, digest, size, platform }) => ({
    mediaType,
    digest,
    size,
    ...(platform === undefined ? {} : { platform }),
  }))
  const [first] = manifests
  if (first !== undefined && manifests.length === 1) return { entry: first, index: undefined }
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }))
  return { entry: { mediaType: OCI_INDEX, digest: `sha256:${hash('sha256', index)}`, size: index.length }, index }
}

function imageIdOf(host: Host, path: string, entries: readonly Descriptor[]): string | undefined {
  const [entry] = entries
  if (entry === undefined || entries.length > 1) return undefined
  const parsed = parseManifest(readDocument(host, path, `blobs/sha256/${hexOf(path, entry)}`), entry.mediaType)
  return parsed.kind === 'index' ? undefined : parsed.config.digest
}

/**
 * `reference`: a tag, or "sha256:<hex>" of a manifest. Throws InvalidRequestError and NotFoundError (OCI_LAYOUT),
 * MANIFEST_INVALID.
 */
export function openLayout(host: Host, path: string, reference: string | undefined): LayoutImage {
  readDocument(host, path, 'oci-layout')
  const entries = chosenEntries(host, path, reference)
  const blobs = blobsBelow(host, path, entries)
  const { entry, index } = unite(entries)
  const documents: readonly (readonly [string, Buffer])[] = [
    ['oci-layout', Buffer.from(JSON.stringify({ imageLayoutVersion: '1.0.0' }))],
    ['index.json', Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [entry] }))],
    ...(index === undefined ? [] : [[`blobs/sha256/${hash('sha256', index)}`, index] as const]),
  ]
  function* parts(): Generator<Buffer> {
    for (const [name, bytes] of documents)
      yield Buffer.concat([header(name, bytes.length), bytes, paddingBytes(bytes.length)])
    using open = new DisposableStack()
    const root = open.adopt(host.at.openRoot(path), (fd) => host.at.close(fd))
    const folder = open.adopt(host.at.openFolder(root, 'blobs/sha256', 'no-links'), (fd) => host.at.close(fd))
    for (const hex of blobs) yield* blobBytes(host, folder, hex)
    yield TAR_END
  }
  return { id: imageIdOf(host, path, entries), tar: () => Readable.from(parts(), { objectMode: false }) }
}
