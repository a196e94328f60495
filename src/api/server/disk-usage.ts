/** Resource: what everything takes on the disk. */
import { ok, type ApiRequest } from './answer.ts'
import type { ApiContext } from './context.ts'
import type { Routes } from './router.ts'
import type { DiskUsage } from '../types/index.ts'
import { InvalidRequestError } from '../../errors.ts'

const TYPES = ['container', 'image', 'volume', 'build-cache'] as const

/** Without `type` all. Throws InvalidRequestError. */
function wantedTypes({ query }: ApiRequest): readonly string[] {
  const asked = query.list('type')
  const strange = asked.find((type) => !TYPES.some((known) => known === type))
  if (strange !== undefined)
    throw new InvalidRequestError(`unknown object type "${strange}": there is ${TYPES.join(', ')}`)
  return asked.length === 0 ? TYPES : asked
}

async function diskUsage({ engine }: ApiContext, types: readonly string[]): Promise<Partial<DiskUsage>> {
  const { images, containers, volumes, builds } = engine
  const usage = types.includes('image') ? await images.diskUsage() : undefined
  return {
    ...(usage === undefined
      ? {}
      : {
          LayersSize: usage.layerBytes,
          Images: usage.images,
          Blobs: {
            Count: usage.blobs.count,
            Size: usage.blobs.sizeBytes,
            Reclaimable: usage.blobs.reclaimableBytes,
          },
        }),
    ...(types.includes('container')
      ? { Containers: await containers.list({ all: true, size: true, filters: {} }) }
      : {}),
    ...(types.includes('volume') ? { Volumes: await volumes.diskUsage() } : {}),
    ...(types.includes('build-cache') ? { BuildCache: await builds.diskUsage() } : {}),
  }
}

export function diskUsageRoutes(context: ApiContext): Routes {
  return {
    'GET /system/df': async (request) => ok(await diskUsage(context, wantedTypes(request))),
  }
}
