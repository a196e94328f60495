/**
 * `POST /build` as docker's classic builder has it: the context comes as a tar in the body, and the answer is what
 * `docker build` prints. Source: Docker Engine API v1.51 "Build an image".
 */
import { pipeline } from 'node:stream/promises'
import type { Answer, ApiRequest } from './answer.ts'
import { bodyStream } from './body.ts'
import { toBuildRequest } from './classic-build-query.ts'
import { createClassicOutput } from './classic-build-output.ts'
import type { ApiContext } from './context.ts'
import { toFailure } from './errors.ts'
import { registryConfig } from './registry-auth.ts'
import type { BuildMessage, BuildSource } from '../types/build.ts'
import type { ProgressMessage } from '../types/index.ts'

/** Where a context waits for its build. */
interface SpooledContext {
  readonly source: BuildSource
  remove(): Promise<void>
}

async function receiveContext({ engine }: ApiContext, request: ApiRequest): Promise<SpooledContext> {
  const { files } = engine.host
  const folder = await files.mkdtemp(`${engine.config.paths.temporary}/context-`)
  const remove = (): Promise<void> => files.rm(folder, { recursive: true, force: true })
  const path = `${folder}/context.tar`
  try {
    const file = await files.open(path, 'wx', 0o600)
    await pipeline(bodyStream(request), file.createWriteStream(), { signal: request.signal })
    return { source: { kind: 'tar', path }, remove }
  } catch (error) {
    await remove()
    throw error
  }
}

/** Checks before the first byte is read; what fails later is the stream's last line. */
export async function classicBuild(context: ApiContext, request: ApiRequest): Promise<Answer> {
  const wishes = toBuildRequest(request.query)
  const registryAuth = registryConfig(request.headers)
  const { remote, quiet } = wishes
  return {
    kind: 'stream',
    contentType: 'application/json',
    async write(sink) {
      const tell = (message: ProgressMessage): void => void sink.write(Buffer.from(`${JSON.stringify(message)}\r\n`))
      const output = createClassicOutput(tell, { quiet })
      try {
        const spooled =
          remote === undefined ? await receiveContext(context, request) : { source: remote, remove: async () => {} }
        try {
          const emit = (message: BuildMessage): void => output.message(message)
          const body = {
            ...wishes.request,
            context: spooled.source,
            ...(registryAuth === undefined ? {} : { registryAuth }),
          }
          await context.engine.builds.build(body, emit, request.signal)
        } finally {
          await spooled.remove()
        }
      } catch (error) {
        const { body, bug } = toFailure(error)
        if (bug !== undefined && !request.signal.aborted)
          context.engine.log('error', 'bug in a build', { stack: bug.stack })
        output.fail(body.message)
      }
    },
  }
}
