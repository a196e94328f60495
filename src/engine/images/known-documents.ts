/**
 * Manifests, indexes and configurations that an earlier pull left here: with their digest known, nobody has to be asked
 * for their bytes. Only what the state speaks of is read, so a digest that a registry made up names no other file.
 */
import type { EngineBase } from '../context.ts'
import { digestOf } from '../layers/chain.ts'
import type { FetchedManifest } from '../registry/client.ts'
import { blobPath } from '../registry/download.ts'
import { findImage, listImages } from '../../state/images.ts'

async function readIntact(base: EngineBase, digest: string): Promise<Buffer | undefined> {
  const text = await base.host.files.readTextIfExists(blobPath(base, digest))
  return text !== undefined && digestOf(text) === digest ? Buffer.from(text) : undefined
}

/** A manifest or index; undefined when it is not here, or damaged. */
export async function readKnownManifest(base: EngineBase, digest: string): Promise<FetchedManifest | undefined> {
  const known = listImages(base.state)
    .flatMap(({ distribution }) => (distribution === undefined ? [] : [distribution.manifest, ...distribution.indexes]))
    .find((document) => document.digest === digest)
  if (known === undefined) return undefined
  const bytes = await readIntact(base, digest)
  return bytes === undefined ? undefined : { bytes, servedAs: known.mediaType, digest }
}

/** The configuration of an image that is here; undefined when it is not, or damaged. */
export async function readKnownConfig(base: EngineBase, digest: string): Promise<Buffer | undefined> {
  return findImage(base.state, digest) === undefined ? undefined : await readIntact(base, digest)
}
