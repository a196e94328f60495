/** Resource: images. */
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ok, type Answer, type ApiRequest } from './answer.ts'
import { bodyStream, readJson } from './body.ts'
import type { ApiContext } from './context.ts'
import { toFailure } from './errors.ts'
import { credentialsOf, registryCredentials } from './registry-auth.ts'
import type { Routes } from './router.ts'
import type { AuthConfig, AuthResponse, BootstrapRequest, ProgressMessage } from '../types/index.ts'
import { InvalidRequestError, UnsupportedError } from '../../errors.ts'

function nameOf(request: ApiRequest): string {
  return request.params['name'] ?? ''
}

/** Runs `work` with its progress as lines of JSON; a failure is the last line, as the status is out by then. */
function progressAnswer(
  context: ApiContext,
  work: (progress: (message: ProgressMessage) => void) => Promise<string | void>,
): Answer {
  return {
    kind: 'stream',
    contentType: 'application/json',
    async write(sink: Writable) {
      const tell = (message: ProgressMessage): void => void sink.write(Buffer.from(`${JSON.stringify(message)}\r\n`))
      try {
        const status = await work(tell)
        if (status !== undefined) tell({ status })
      } catch (error) {
        const { status, body, bug } = toFailure(error)
        if (bug !== undefined) context.engine.log('error', 'bug in an image request', { stack: bug.stack })
        const { message, code: reason, hint } = body
        tell({
          error: message,
          errorDetail: {
            message,
            code: status,
            ...(reason === undefined ? {} : { reason }),
            ...(hint === undefined ? {} : { hint }),
          },
        })
      }
    },
  }
}

/** `tag` may be a digest; without it (and none in the name) it is "latest". `docker pull --all-tags` sends none. */
function pullImage(context: ApiContext, request: ApiRequest, image: string): Answer {
  const { query, signal } = request
  const tag = query.text('tag')
  const reference = tag === undefined || tag === '' ? image : `${image}${tag.includes(':') ? '@' : ':'}${tag}`
  const platform = query.text('platform')
  const credentials = registryCredentials(request.headers)
  return progressAnswer(context, (progress) =>
    context.engine.images.pull(
      reference,
      {
        signal,
        ...(platform === undefined || platform === '' ? {} : { platform }),
        ...(credentials === undefined ? {} : { credentials }),
      },
      progress,
    ),
  )
}

function importImage(context: ApiContext, request: ApiRequest): Answer {
  const { query } = request
  const image = query.text('fromImage')
  if (image !== undefined) return pullImage(context, request, image)
  if (query.text('fromSrc') !== '-')
    throw new UnsupportedError('images are imported from the request body only (fromSrc=-)')
  const repository = query.text('repo')
  const tag = query.text('tag')
  const message = query.text('message')
  const reference = repository === undefined ? undefined : `${repository}${tag === undefined ? '' : `:${tag}`}`
  return progressAnswer(context, (progress) =>
    context.engine.images.import(
      bodyStream(request),
      {
        changes: query.list('changes'),
        ...(reference === undefined ? {} : { reference }),
        ...(message === undefined ? {} : { message }),
      },
      progress,
    ),
  )
}

/** Newer clients send it as JSON. Throws InvalidRequestError. */
function platformOf({ query }: ApiRequest): string | undefined {
  const text = query.text('platform')
  if (text === undefined || text === '') return undefined
  if (!text.startsWith('{')) return text
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    throw new InvalidRequestError('invalid platform: not JSON', { cause })
  }
  const { os, architecture, variant } = parsed as Readonly<Record<string, unknown>>
  return [os, architecture, variant].filter((part) => typeof part === 'string' && part !== '').join('/')
}

async function saveImages({ engine }: ApiContext, request: ApiRequest, names: readonly string[]): Promise<Answer> {
  const { signal } = request
  const tar = await engine.images.save(names, { platform: platformOf(request), signal })
  return {
    kind: 'stream',
    contentType: 'application/x-tar',
    write: (sink) => pipeline(tar, sink, { end: false, signal }),
  }
}

function loadImages(context: ApiContext, request: ApiRequest): Answer {
  const { query, signal } = request
  const options = { platform: platformOf(request), quiet: query.flag('quiet'), signal }
  return progressAnswer(context, (progress) => context.engine.images.load(bodyStream(request), options, progress))
}

/** Docker's words, which its client prints. */
async function logIn({ engine }: ApiContext, request: ApiRequest): Promise<AuthResponse> {
  const body = await readJson<AuthConfig>(request)
  const credentials = credentialsOf(body as Readonly<Record<string, unknown>>)
  if (credentials === undefined) throw new InvalidRequestError('the login holds neither a user name nor a token')
  const server = body.serveraddress === undefined || body.serveraddress === '' ? 'docker.io' : body.serveraddress
  const token = await engine.images.login(server, credentials, request.signal)
  return { Status: 'Login Succeeded', IdentityToken: token ?? '' }
}

export function imageRoutes(context: ApiContext): Routes {
  const { images } = context.engine
  return {
    'GET /images/json': async ({ query }) => {
      const filters = query.filters()
      return ok(await images.list({ all: query.flag('all'), filters }))
    },
    'POST /images/create': (request) => Promise.resolve().then(() => importImage(context, request)),
    'POST /images/prune': async ({ query }) => ok(await images.prune(query.filters())),
    'GET /images/get': (request) => saveImages(context, request, request.query.list('names')),
    'POST /images/load': (request) => Promise.resolve().then(() => loadImages(context, request)),
    'GET /images/{name+}/get': (request) => saveImages(context, request, [nameOf(request)]),
    'GET /images/{name+}/history': async (request) => ok(await images.history(nameOf(request), platformOf(request))),
    'GET /images/{name+}/json': async (request) => ok(await images.inspect(nameOf(request), platformOf(request))),
    'POST /images/{name+}/tag': async (request) => {
      const repository = request.query.text('repo')
      if (repository === undefined) throw new InvalidRequestError('the parameter "repo" is missing')
      await images.tag(nameOf(request), repository, request.query.text('tag') ?? 'latest')
      return { kind: 'empty', status: 201 }
    },
    'POST /images/{name+}/push': (request) => {
      const { query, signal } = request
      const options = {
        tag: query.text('tag'),
        platform: platformOf(request),
        allPlatforms: query.flag('allPlatforms'),
        credentials: registryCredentials(request.headers),
        signal,
      }
      return Promise.resolve(progressAnswer(context, (progress) => images.push(nameOf(request), options, progress)))
    },
    'DELETE /images/{name+}': async (request) => {
      const { query } = request
      return ok(await images.remove(nameOf(request), { force: query.flag('force'), noPrune: query.flag('noprune') }))
    },
    'GET /distribution/{name+}/json': async (request) => {
      const credentials = registryCredentials(request.headers)
      const options = { signal: request.signal, ...(credentials === undefined ? {} : { credentials }) }
      return ok(await images.distribution(nameOf(request), options))
    },
    'POST /auth': async (request) => ok(await logIn(context, request)),
    'POST /mycompose/images/bootstrap': async (request) => {
      const body = await readJson<BootstrapRequest>(request)
      if (typeof body.Reference !== 'string') throw new InvalidRequestError('the field "Reference" is missing')
      return progressAnswer(context, (progress) => images.bootstrap(body, progress, request.signal))
    },
  }
}
