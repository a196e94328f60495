/** All routes of the engine's API, joined to a server. */
import { buildRoutes } from './builds.ts'
import { containerStreamRoutes } from './container-streams.ts'
import { containerRoutes } from './containers.ts'
import type { ApiContext } from './context.ts'
import { diskUsageRoutes } from './disk-usage.ts'
import { eventRoutes } from './events.ts'
import { execRoutes } from './exec.ts'
import { imageRoutes } from './images.ts'
import { networkRoutes } from './networks.ts'
import { createRouter, type Router } from './router.ts'
import { createApiServer, type ApiServer } from './server.ts'
import { statsRoutes } from './stats.ts'
import { systemRoutes } from './system.ts'
import { unsupportedRoutes } from './unsupported.ts'
import { volumeRoutes } from './volumes.ts'

export function createApiRouter(context: ApiContext): Router {
  return createRouter(
    systemRoutes(context),
    diskUsageRoutes(context),
    containerRoutes(context),
    containerStreamRoutes(context),
    statsRoutes(context),
    execRoutes(context),
    networkRoutes(context),
    volumeRoutes(context),
    imageRoutes(context),
    buildRoutes(context),
    eventRoutes(context),
    unsupportedRoutes(),
  )
}

export function createEngineServer(context: ApiContext): ApiServer {
  return createApiServer({
    router: createApiRouter(context),
    engineVersion: context.engine.config.version,
    onError: (error, request) => context.engine.log('error', 'request failed', { request, stack: error.stack }),
  })
}
