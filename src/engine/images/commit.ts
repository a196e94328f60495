/**
 * An image from the layer that a container has written, on top of the image that it was made from: its history and its
 * layers go on. Source: docker commit; OCI image-spec config.md.
 */
import type { Readable } from 'node:stream'
import type { ImageConfig } from '../../api/types/index.ts'
import type { EngineBase } from '../context.ts'
import type { CommitRequest } from '../services/index.ts'
import { ociArchitecture, toImageConfig } from './image-config.ts'
import { parseReference } from '../../api/reference.ts'
import { commitImage, readConfig } from './store.ts'
import { discardLayer, layersOf, stageLayer } from '../layers/store.ts'

/** The platform and the past of the image below; of one that has gone meanwhile its layers are all that is known. */
async function parentConfig(base: EngineBase, { id, chainIds }: CommitRequest['parent']): Promise<ImageConfig> {
  const diffIds = layersOf(base, chainIds).map(({ diffId }) => diffId)
  try {
    const config = await readConfig(base, id)
    if (config.rootfs.diff_ids.length === diffIds.length) return config
  } catch (error) {
    base.log('warn', 'a commit does without the configuration below', { image: id, error: String(error) })
  }
  return { architecture: ociArchitecture(process.arch), os: 'linux', rootfs: { type: 'layers', diff_ids: diffIds } }
}

/** Returns the image's id. */
export async function commitLayer(base: EngineBase, layer: Readable, request: CommitRequest): Promise<string> {
  const { parent, config, createdBy, author, comment, reference } = request
  const tag = reference === undefined ? undefined : parseReference(reference) // before anything is packed
  const below = await parentConfig(base, parent)
  const staged = await stageLayer(base, layer, { lower: parent.chainIds, isOurs: true })
  try {
    const created = base.host.clock.nowRfc3339()
    const step = {
      created,
      created_by: createdBy,
      ...(author === undefined ? {} : { author }),
      ...(comment === undefined ? {} : { comment }),
    }
    const image = toImageConfig({
      architecture: below.architecture,
      created,
      config,
      diffIds: [...below.rootfs.diff_ids, staged.diffId],
      history: [...(below.history ?? below.rootfs.diff_ids.map(() => ({}))), step],
    })
    return await commitImage(base, {
      parents: parent.chainIds,
      staged: [staged],
      config: {
        ...image,
        ...(author === undefined ? {} : { author }),
        ...(below.variant === undefined ? {} : { variant: below.variant }),
      },
      ...(tag === undefined ? {} : { tag }),
    })
  } finally {
    await discardLayer(base, staged) // nothing is left of it when it went into the store
  }
}
