/** Resource: builds. Our own request with its stream of messages, and the cache. The classic one is in classic-build.ts. */
import { ok, type Answer, type ApiRequest } from './answer.ts'
import { checkBuildRequest } from './build-request.ts'
import { classicBuild } from './classic-build.ts'
import { readJson } from './body.ts'
import type { ApiContext } from './context.ts'
import { toFailure } from './errors.ts'
import type { Routes } from './router.ts'
import type { BuildMessage, BuildRequest } from '../types/build.ts'
import { CanceledError, UnsupportedError } from '../../errors.ts'

/** Secrets travel in it. */
const MAX_REQUEST_BYTES = 32 * 1024 * 1024

/** The messages, one a line; the last is `result` or `error`, whatever happens. A client that leaves cancels. */
function buildAnswer({ engine }: ApiContext, body: BuildRequest, { signal }: ApiRequest): Answer {
  return {
    kind: 'stream',
    contentType: 'application/x-ndjson',
    async write(sink) {
      let isTold = false
      const emit = (message: BuildMessage): void => {
        if (message.kind === 'result' || message.kind === 'error') isTold = true
        sink.write(Buffer.from(`${JSON.stringify(message)}\n`))
      }
      try {
        await engine.builds.build(body, emit, signal)
      } catch (error) {
        const failure = toFailure(error)
        if (failure.bug !== undefined) engine.log('error', 'bug in a build', { stack: failure.bug.stack })
        if (error instanceof CanceledError || isTold) return
        const { message, code = 'INTERNAL', hint } = failure.body
        emit({ kind: 'error', message, code, ...(hint === undefined ? {} : { hint }) })
      }
    },
  }
}

/** BuildKit's client talks gRPC over a hijacked connection, which is another protocol. */
function noSession(): Promise<Answer> {
  return Promise.reject(
    new UnsupportedError('this engine does not speak the session protocol of BuildKit', {
      hint: 'build with "mycompose build", or with DOCKER_BUILDKIT=0 docker build',
    }),
  )
}

export function buildRoutes(context: ApiContext): Routes {
  const { builds } = context.engine
  return {
    'POST /mycompose/build': async (request) =>
      buildAnswer(context, checkBuildRequest(await readJson(request, MAX_REQUEST_BYTES)), request),
    'POST /build': (request) => classicBuild(context, request),
    'POST /build/prune': async ({ query }) =>
      ok(
        await builds.prune({
          all: query.flag('all'),
          // its newer name
          keepBytes: query.integer('reserved-space') ?? query.integer('keep-storage'),
          filters: query.filters(),
        }),
      ),
    'POST /session': noSession,
    'POST /grpc': noSession,
  }
}
