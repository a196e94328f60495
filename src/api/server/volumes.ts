/** Resource: volumes. */
import { created, noContent, ok } from './answer.ts'
import { readJson } from './body.ts'
import type { ApiContext } from './context.ts'
import type { Routes } from './router.ts'
import type { VolumeCreateRequest, VolumeList } from '../types/index.ts'

export function volumeRoutes({ engine: { volumes } }: ApiContext): Routes {
  return {
    'GET /volumes': async ({ query }) => {
      const list: VolumeList = { Volumes: await volumes.list(query.filters()), Warnings: null }
      return ok(list)
    },
    'POST /volumes/create': async (request) =>
      created(await volumes.create(await readJson<VolumeCreateRequest>(request))),
    'POST /volumes/prune': async ({ query }) => ok(await volumes.prune(query.filters())),
    'GET /volumes/{name}': async ({ params }) => ok(await volumes.inspect(params['name'] ?? '')),
    'DELETE /volumes/{name}': async ({ params, query }) => {
      await volumes.remove(params['name'] ?? '', { force: query.flag('force') })
      return noContent
    },
  }
}
