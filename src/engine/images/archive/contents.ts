/**
 * Which images an archive holds: its OCI layout and its manifest.json read together and held against each other, every
 * blob that they name looked for and its size and digest compared. Nothing is written here.
 */
import type { ImageConfig } from '../../../api/types/index.ts'
import type { EngineBase } from '../../context.ts'
import {
  archiveError,
  blobMember,
  checkLayoutVersion,
  nameOfEntry,
  parseDockerManifest,
  type DockerEntry,
} from './documents.ts'
import type { Member, Members } from './spool.ts'
import { decodeConfig } from '../image-config.ts'
import type { Document } from '../store.ts'
import { toFamiliar } from '../../../api/reference.ts'
import { digestOf } from '../../layers/chain.ts'
import { detectCompression } from '../../layers/decompress.ts'
import {
  MAX_MANIFEST_BYTES,
  manifestError,
  parseManifest,
  type Descriptor,
  type Platform,
} from '../../registry/manifest.ts'
import { OCI_INDEX, OCI_LAYER, isIndexType } from '../../registry/media-types.ts'
import { choosePlatform, formatPlatform, matchesPlatform } from '../../registry/platform.ts'
import { NotFoundError } from '../../../errors.ts'

export interface LayerInArchive {
  readonly member: Member
  readonly mediaType: string
  readonly diffId: string
}

export interface ImageInArchive {
  readonly id: string
  readonly config: ImageConfig
  readonly configBytes: Buffer
  readonly layers: readonly LayerInArchive[]
  /** Absent in archives of docker before 25. */
  readonly manifest: Document | undefined
  /** By name in full. */
  readonly names: Map<string, NameInArchive>
}

export interface NameInArchive {
  /** Lists the platforms of the name. */
  readonly index: Document | undefined
  /** The name means this image; else it is one for another platform. */
  readonly isMain: boolean
}

export interface ReadOptions {
  readonly platform: Platform
  /** The user named it: images of others are left out. */
  readonly isPlatformAsked: boolean
}

type Base = Pick<EngineBase, 'host'>

interface Reading {
  readonly base: Base
  readonly members: Members
  readonly options: ReadOptions
}

async function readDocument({ base }: Reading, { path, sizeBytes }: Member, what: string): Promise<Buffer> {
  if (sizeBytes > MAX_MANIFEST_BYTES) throw archiveError(`${what} is larger than 4 MiB`)
  return await base.host.files.readFile(path)
}

/** The member of a descriptor, which is what it says. Throws ARCHIVE_INVALID. */
function blobMemberOf({ members }: Reading, { digest, size }: Descriptor, what: string): Member {
  const member = members.find(blobMember(digest))
  if (member === undefined) throw archiveError(`${what} (${digest.slice(0, 19)}) is not in it`)
  if (member.sizeBytes !== size || member.digest !== digest)
    throw archiveError(`${what} (${digest.slice(0, 19)}) has ${member.sizeBytes} bytes, its descriptor says ${size}`)
  return member
}

/** The entry for this machine among those whose content is there; of a single one the platform does not matter. */
function chooseEntry({ members, options }: Reading, entries: readonly Descriptor[]): Descriptor {
  const there = entries.filter(({ digest }) => members.find(blobMember(digest)) !== undefined)
  const images = there.filter(({ platform }) => platform?.os !== 'unknown')
  const [only] = images
  if (only !== undefined && images.length === 1 && !options.isPlatformAsked) return only
  return choosePlatform({ kind: 'index', mediaType: OCI_INDEX, manifests: there }, options.platform)
}

async function readConfigOf(
  reading: Reading,
  member: Member,
  layerCount: number,
): Promise<Pick<ImageInArchive, 'config' | 'configBytes' | 'id'>> {
  const configBytes = await readDocument(reading, member, 'a configuration')
  const config = decodeConfig(configBytes.toString())
  const { diff_ids: diffIds } = config.rootfs
  if (diffIds.length !== layerCount)
    throw manifestError(`it has ${layerCount} layers, its configuration ${diffIds.length}`)
  if (!diffIds.every((id) => /^sha256:[0-9a-f]{64}$/.test(id)))
    throw manifestError('its configuration names a layer by something else than sha256:<64 hex digits>')
  const { os, architecture } = config
  if (os !== 'linux')
    throw new NotFoundError(`the image is for ${formatPlatform({ os, architecture })}, not for linux`, {
      code: 'PLATFORM_MISSING',
    })
  return { id: member.digest, config, configBytes }
}

async function readEntry(reading: Reading, entry: Descriptor): Promise<ImageInArchive> {
  const member = blobMemberOf(reading, entry, 'a manifest')
  const bytes = await readDocument(reading, member, 'a manifest')
  const parsed = parseManifest(bytes, entry.mediaType)
  if (parsed.kind === 'index') throw manifestError('an index lies inside an index')
  const layers = parsed.layers.map((layer) => ({
    member: blobMemberOf(reading, layer, 'a layer'),
    mediaType: layer.mediaType,
  }))
  const facts = await readConfigOf(reading, blobMemberOf(reading, parsed.config, 'a configuration'), layers.length)
  return {
    ...facts,
    layers: layers.map((layer, index) => ({ ...layer, diffId: facts.config.rootfs.diff_ids[index] ?? '' })),
    manifest: { bytes, mediaType: parsed.mediaType, digest: member.digest },
    names: new Map(),
  }
}

interface Group {
  readonly main: Descriptor
  /** For other platforms, as far as they are in the archive. */
  readonly others: readonly Descriptor[]
  readonly index: Document | undefined
}

/** An index of what has none, as its entries stand side by side in index.json. */
function makeIndex(entries: readonly Descriptor[]): Document {
  const manifests = entries.map(({ annotations: _names, ...entry }) => entry)
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }))
  return { bytes, mediaType: OCI_INDEX, digest: digestOf(bytes) }
}

async function readNestedIndex(
  reading: Reading,
  entry: Descriptor,
): Promise<{ readonly index: Document; readonly entries: readonly Descriptor[] }> {
  const member = blobMemberOf(reading, entry, 'an index')
  const bytes = await readDocument(reading, member, 'an index')
  const parsed = parseManifest(bytes, entry.mediaType)
  if (parsed.kind !== 'index') throw manifestError('an entry that should be an index is none')
  return { entries: parsed.manifests, index: { bytes, mediaType: parsed.mediaType, digest: member.digest } }
}

/** Entries of one name are the platforms of one image; mostly they stand in an index of their own. */
async function readGroup(reading: Reading, listed: readonly Descriptor[]): Promise<Group> {
  const [only] = listed
  const isOne = only !== undefined && listed.length === 1
  if (isOne && !isIndexType(only.mediaType)) return { main: only, others: [], index: undefined }
  const { entries, index } = isOne
    ? await readNestedIndex(reading, only)
    : { entries: listed.filter(({ mediaType }) => !isIndexType(mediaType)), index: undefined }
  const main = chooseEntry(reading, entries)
  const isOther = ({ digest, platform, mediaType }: Descriptor): boolean =>
    digest !== main.digest &&
    platform?.os === 'linux' &&
    !isIndexType(mediaType) &&
    reading.members.find(blobMember(digest)) !== undefined
  const others = reading.options.isPlatformAsked ? [] : entries.filter((entry) => isOther(entry))
  return { main, others, index: index ?? (others.length > 0 ? makeIndex([main, ...others]) : undefined) }
}

/** All that the layout names; of what has no name only the image for this machine. */
async function readLayout(reading: Reading): Promise<ImageInArchive[]> {
  const { members } = reading
  const [layout, index] = [members.find('oci-layout'), members.find('index.json')]
  if (index === undefined) return []
  if (layout === undefined) throw archiveError('it has an index.json, but no oci-layout')
  checkLayoutVersion(await readDocument(reading, layout, 'oci-layout'))
  const parsed = parseManifest(await readDocument(reading, index, 'index.json'), OCI_INDEX)
  if (parsed.kind !== 'index') throw archiveError('index.json is no index')
  const found: ImageInArchive[] = []
  const groups = Map.groupBy(parsed.manifests, (entry) => nameOfEntry(entry) ?? entry)
  for (const [name, entries] of groups) {
    const { main, others, index } = await readGroup(reading, entries)
    const image = await readEntry(reading, main)
    found.push(image)
    if (typeof name !== 'string') continue
    image.names.set(name, { index, isMain: true })
    for (const entry of others) {
      const other = await readEntry(reading, entry)
      other.names.set(name, { index, isMain: false })
      found.push(other)
    }
  }
  return found
}

async function layerMediaType({ base }: Reading, { path }: Member): Promise<string> {
  const file = await base.host.files.open(path, 'r')
  try {
    const head = Buffer.alloc(6)
    await file.read(head, 0, 6, 0)
    const compression = detectCompression(head)
    return compression === 'gzip' || compression === 'zstd' ? `${OCI_LAYER}+${compression}` : OCI_LAYER
  } finally {
    await file.close()
  }
}

async function readDocker(reading: Reading, { config, layers, tags }: DockerEntry): Promise<ImageInArchive> {
  const memberOf = (name: string): Member => {
    const member = reading.members.find(name)
    if (member === undefined) throw archiveError(`manifest.json names ${JSON.stringify(name)}, which is not in it`)
    return member
  }
  const facts = await readConfigOf(reading, memberOf(config), layers.length)
  const found: LayerInArchive[] = []
  for (const [index, name] of layers.entries()) {
    const member = memberOf(name)
    const diffId = facts.config.rootfs.diff_ids[index] ?? ''
    found.push({ member, mediaType: await layerMediaType(reading, member), diffId })
  }
  const names = new Map(tags.map((tag): [string, NameInArchive] => [tag, { index: undefined, isMain: true }]))
  return { ...facts, layers: found, manifest: undefined, names }
}

/**
 * The same image once, with all its names. What the layout says of a name goes: manifest.json knows no platforms. Throws
 * ARCHIVE_INVALID when a name stands for two images.
 */
function united(images: readonly ImageInArchive[]): ImageInArchive[] {
  const byId = new Map<string, ImageInArchive>()
  const owners = new Map<string, string>()
  for (const image of images) {
    const known = byId.get(image.id) ?? { ...image, names: new Map() }
    byId.set(image.id, known)
    for (const [tag, name] of image.names) {
      if (known.names.has(tag)) continue
      if (name.isMain && (owners.get(tag) ?? image.id) !== image.id)
        throw archiveError(`it says that ${toFamiliar(tag)} is one image in one place and another one in another place`)
      if (name.isMain) owners.set(tag, image.id)
      known.names.set(tag, name)
    }
  }
  return [...byId.values()]
}

/** Throws ARCHIVE_INVALID, MANIFEST_*, PLATFORM_MISSING. */
export async function readContents(base: Base, members: Members, options: ReadOptions): Promise<ImageInArchive[]> {
  const reading: Reading = { base, members, options }
  const images = await readLayout(reading)
  const manifest = members.find('manifest.json')
  const entries =
    manifest === undefined ? [] : parseDockerManifest(await readDocument(reading, manifest, 'manifest.json'))
  for (const entry of entries) images.push(await readDocker(reading, entry))
  if (images.length === 0) throw archiveError('there is no image in it', hintFor(members))
  if (!options.isPlatformAsked) return united(images)
  const wanted = images.filter(({ config: { os, architecture, variant } }) =>
    matchesPlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) }, options.platform),
  )
  if (wanted.length > 0) return united(wanted)
  throw new NotFoundError(`no image for the platform ${formatPlatform(options.platform)} in the archive`, {
    code: 'PLATFORM_MISSING',
  })
}

function hintFor(members: Members): string | undefined {
  if (members.find('repositories') !== undefined)
    return 'it was written by a docker before 1.10: load and save it with a newer one'
  return 'the tar of a root file system is imported: mycompose image import FILE NAME'
}
