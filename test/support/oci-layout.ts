/**
 * Images for registries, made of tars: an OCI layout on disk that skopeo reads. Nothing of it comes from the code under
 * test but the tar's bytes. Source: OCI image-spec image-layout.md.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'

export interface LayoutImage {
  readonly name: string
  /** Plain tars, lowest first. */
  readonly layers: readonly Buffer[]
  readonly compression?: 'gzip' | 'none' | 'zstd'
  /** Field "config" of the image's configuration. */
  readonly config?: object
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string }
}

interface Described {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

const SUFFIX = { gzip: '+gzip', none: '', zstd: '+zstd' }
const PACK = {
  gzip: (tar: Buffer) => gzipSync(tar),
  none: (tar: Buffer) => tar,
  zstd: (tar: Buffer) => zstdCompressSync(tar),
}

export function sha256Of(bytes: Buffer | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

function writeBlob(folder: string, mediaType: string, bytes: Buffer): Described {
  const digest = sha256Of(bytes)
  mkdirSync(join(folder, 'blobs/sha256'), { recursive: true })
  writeFileSync(join(folder, 'blobs/sha256', digest.slice(7)), bytes)
  return { mediaType, digest, size: bytes.length }
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

/** Writes blobs of one image; returns the descriptor of its manifest. */
export function writeImage(folder: string, image: LayoutImage): Described {
  const { layers, compression = 'gzip', config = {}, platform = { os: 'linux', architecture: 'amd64' } } = image
  const configBlob = writeBlob(
    folder,
    'application/vnd.oci.image.config.v1+json',
    json({ ...platform, config, rootfs: { type: 'layers', diff_ids: layers.map((tar) => sha256Of(tar)) } }),
  )
  const mediaType = `application/vnd.oci.image.layer.v1.tar${SUFFIX[compression]}`
  const layerBlobs = layers.map((tar) => writeBlob(folder, mediaType, PACK[compression](tar)))
  const manifestType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = { schemaVersion: 2, mediaType: manifestType, config: configBlob, layers: layerBlobs }
  return writeBlob(folder, manifestType, json(manifest))
}

const INDEX = 'application/vnd.oci.image.index.v1+json'

/** The manifest of the only image of a name, or an index of all of them. */
function writeNamed(folder: string, images: readonly LayoutImage[]): Described {
  const described = images.map((image) => Object.assign(writeImage(folder, image), { platform: image.platform }))
  const [only] = described
  if (only !== undefined && described.length === 1) return only
  return writeBlob(folder, INDEX, json({ schemaVersion: 2, mediaType: INDEX, manifests: described }))
}

/** A layout with one entry per name; images of the same name become one index of several platforms. */
export function writeLayout(folder: string, images: readonly LayoutImage[]): void {
  mkdirSync(folder, { recursive: true })
  const manifests = [...Map.groupBy(images, ({ name }) => name)].map(([name, group]) =>
    Object.assign(writeNamed(folder, group), { annotations: { 'org.opencontainers.image.ref.name': name } }),
  )
  writeFileSync(join(folder, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }))
  writeFileSync(join(folder, 'index.json'), json({ schemaVersion: 2, manifests }))
}
