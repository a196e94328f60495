/** What the Docker API has and this engine does not, or not yet: each says so by name. */
import type { Handler } from './answer.ts'
import type { Routes } from './router.ts'
import { ApiError, UnsupportedError } from '../../errors.ts'

const NOT_YET: Readonly<Record<string, string>> = {
  'GET /images/search': 'searching a registry',
}

const SWARM = ['swarm', 'nodes', 'services', 'tasks', 'secrets', 'configs']

export function unsupportedRoutes(): Routes {
  const routes: Record<string, Handler> = {}
  for (const [route, what] of Object.entries(NOT_YET))
    routes[route] = () => Promise.reject(new UnsupportedError(`not supported yet: ${what}`))
  const noSwarm: Handler = () =>
    Promise.reject(
      new ApiError('This node is not a swarm manager. There is no swarm mode in this engine.', {
        status: 503,
        code: 'NO_SWARM',
      }),
    )
  for (const name of SWARM)
    for (const method of ['GET', 'POST', 'DELETE']) {
      routes[`${method} /${name}`] = noSwarm
      routes[`${method} /${name}/{rest+}`] = noSwarm
    }
  return routes
}
