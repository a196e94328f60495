/**
 * An image of one layer from a tar. Its date is that of the newest file in it, so that the same tar imported twice is
 * the same image and nothing that runs on it is recreated. Source: docker image import.
 */
import type { Readable } from 'node:stream'
import type { ImageConfig, ProgressMessage } from '../../api/types/index.ts'
import type { EngineBase } from '../context.ts'
import { applyChanges } from './changes.ts'
import { ociArchitecture, toImageConfig } from './image-config.ts'
import type { Reference } from '../../api/reference.ts'
import { commitImage } from './store.ts'
import { discardLayer, stageLayer, type StagedLayer } from '../layers/store.ts'
import { tarError } from '../layers/tar-entry.ts'

export interface ImportRequest {
  readonly tag: Reference | undefined
  readonly changes: readonly string[]
  readonly message: string | undefined
}

/** Bytes between two progress messages. */
const PROGRESS_STEP_BYTES = 8 * 2 ** 20

/** Tells how far unpacking is, now and then. */
export function progressOf(id: string, progress: (message: ProgressMessage) => void): (bytes: number) => void {
  let next = PROGRESS_STEP_BYTES
  return (current) => {
    if (current < next) return
    next = current + PROGRESS_STEP_BYTES
    progress({ status: 'Unpacking', id, progressDetail: { current } })
  }
}

/** RFC 3339 of the newest time in the layer, but never the future. */
export function createdOf(layer: Pick<StagedLayer, 'newestMtimeNs'>, nowMs: number): string {
  return new Date(Math.min(Number(layer.newestMtimeNs / 1_000_000n), nowMs)).toISOString()
}

/** Returns the image's id. Throws TAR_INVALID, IMAGE_CHANGE. */
export async function importImage(
  base: EngineBase,
  source: Readable,
  { tag, changes, message }: ImportRequest,
  progress: (message: ProgressMessage) => void,
): Promise<string> {
  const config = applyChanges({}, changes) // before the tar is read: a mistake in them should not cost a transfer
  const layer = await stageLayer(base, source, { lower: [], isOurs: true, onProgress: progressOf('layer', progress) })
  try {
    if (layer.sizeBytes === 0) throw tarError('it is empty (0 bytes)')
    const created = createdOf(layer, base.host.clock.nowMs())
    const history: ImageConfig['history'] = [
      { created, created_by: ['import', ...changes].join(' '), ...(message === undefined ? {} : { comment: message }) },
    ]
    const architecture = ociArchitecture(process.arch)
    const image = toImageConfig({ architecture, created, config, diffIds: [layer.diffId], history })
    return await commitImage(base, {
      parents: [],
      staged: [layer],
      config: image,
      ...(tag === undefined ? {} : { tag }),
    })
  } finally {
    await discardLayer(base, layer) // nothing is left of it when it went into the store
  }
}
