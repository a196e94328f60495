/** An image that was built: its layers are in the store already, so only configuration, row and names are written. */
import type { EngineBase } from '../context.ts'
import type { BuiltImage } from '../services/index.ts'
import { encodeConfig } from './image-config.ts'
import { commitImage } from './store.ts'
import { parseReference, toCanonicalTag, toFamiliar, type Reference } from '../../api/reference.ts'
import { digestOf } from '../layers/chain.ts'
import { InvalidRequestError } from '../../errors.ts'
import { findImage } from '../../state/images.ts'
import { findTag } from '../../state/tags.ts'

/** Throws InvalidRequestError (IMAGE_REFERENCE). */
export function parseBuildTag(text: string): Reference {
  const reference = parseReference(text)
  if (reference.digest === undefined) return reference
  throw new InvalidRequestError(`an image cannot be named by a digest: ${text}`, { code: 'IMAGE_REFERENCE' })
}

/** See ImageService.addBuilt. The same build again finds everything as it is. */
export async function addBuilt(base: EngineBase, { chainIds, config, tags }: BuiltImage): Promise<string> {
  const { state, events } = base
  const references = tags.map(parseBuildTag)
  const id = digestOf(encodeConfig(config))
  const moved = references.filter((reference) => findTag(state, toCanonicalTag(reference))?.imageId !== id)
  if (findImage(state, id) === undefined || moved.length > 0)
    await commitImage(base, { parents: chainIds, staged: [], config, tags: references })
  for (const reference of moved) {
    const name = toFamiliar(toCanonicalTag(reference))
    events.publish({ Type: 'image', Action: 'tag', Actor: { ID: id, Attributes: { name } } })
  }
  return id
}
