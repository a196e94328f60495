/**
 * One image between here and its registry: the engine's messages become progress events, each layer as a part of its
 * image. Many go side by side and none stops the others.
 */
import type { ProgressMessage } from '../api/types/index.ts'
import { CanceledError, MycomposeError } from '../errors.ts'
import type { ProgressEvent } from '../events.ts'
import { createGraph } from '../graph/graph.ts'
import { walk } from '../graph/walk.ts'
import type { ProjectContext } from './context.ts'
import { imageResource } from './names.ts'

export interface ImageWish {
  readonly reference: string
  readonly platform?: string | undefined
}

export interface PushWish extends ImageWish {
  /** All platforms that the name stands for, or an error. */
  readonly allPlatforms?: boolean | undefined
}

export interface TransferOptions {
  /** No progress of layers. */
  readonly quiet?: boolean | undefined
}

const DONE = /complete$|^Already exists$|^Layer already exists$|^Pushed$|^Mounted from /

/** What the engine tells of one layer; undefined for all else. */
function toEvent(parentId: string, { id, status, progressDetail }: ProgressMessage): ProgressEvent | undefined {
  if (id === undefined || status === undefined || status.startsWith('Pulling from')) return undefined
  const { current, total } = progressDetail ?? {}
  return {
    id,
    parentId,
    status: DONE.test(status) && status !== 'Download complete' ? 'done' : 'working',
    text: status,
    ...(current === undefined ? {} : { current }),
    ...(total === undefined ? {} : { total }),
  }
}

async function transfer(
  { sink, signal }: ProjectContext,
  { reference }: ImageWish,
  [during, done]: readonly [string, string],
  { quiet = false }: TransferOptions,
  messages: AsyncIterable<ProgressMessage>,
): Promise<void> {
  const id = imageResource(reference)
  sink.progress({ id, status: 'working', text: during })
  try {
    for await (const message of messages) {
      const event = quiet ? undefined : toEvent(id, message)
      if (event !== undefined) sink.progress(event)
      const missing = message.aux?.Missing?.join(', ')
      if (missing !== undefined)
        sink.notice({ level: 'warning', text: `${reference} was pushed without ${missing}: not here` })
    }
    if (signal.aborted) throw new CanceledError('canceled', { cause: signal.reason })
    sink.progress({ id, status: 'done', text: done })
  } catch (error) {
    if (!(error instanceof CanceledError))
      sink.progress({ id, status: 'error', text: 'Error', details: error instanceof Error ? error.message : '' })
    throw error
  }
}

/** What every request that may go to a registry says. */
async function asked(context: ProjectContext, { reference }: ImageWish) {
  const auth = await context.loginFor?.(reference)
  return { abort: context.signal, ...(auth === undefined ? {} : { auth }) }
}

/** @throws what the engine says: REGISTRY_*, PLATFORM_MISSING */
export async function pullImage(
  context: ProjectContext,
  wish: ImageWish,
  options: TransferOptions = {},
): Promise<void> {
  const platform = wish.platform === undefined ? {} : { platform: wish.platform }
  const messages = context.client.images.pull(wish.reference, { ...(await asked(context, wish)), ...platform })
  await transfer(context, wish, ['Pulling', 'Pulled'], options, messages)
}

export async function pushImage(context: ProjectContext, wish: PushWish, options: TransferOptions = {}): Promise<void> {
  const { platform, allPlatforms } = wish
  const messages = context.client.images.push(wish.reference, {
    ...(await asked(context, wish)),
    ...(platform === undefined ? {} : { platform }),
    ...(allPlatforms === undefined ? {} : { allPlatforms }),
  })
  await transfer(context, wish, ['Pushing', 'Pushed'], options, messages)
}

/** All at once as far as the limit allows; returns what failed, by reference. @throws CanceledError, and bugs */
export async function transferAll(
  context: ProjectContext,
  wishes: readonly ImageWish[],
  work: (wish: ImageWish) => Promise<void>,
): Promise<ReadonlyMap<string, MycomposeError>> {
  const byReference = new Map(wishes.map((wish) => [wish.reference, wish]))
  const { failures } = await walk(
    createGraph([...byReference.keys()].map((reference): [string, string[]] => [reference, []])),
    async (reference) => {
      const wish = byReference.get(reference)
      if (wish !== undefined) await work(wish)
    },
    { limit: context.parallel, signal: context.signal },
  )
  return new Map(
    failures.map(({ node, error }) => {
      if (!(error instanceof MycomposeError) || error instanceof CanceledError) throw error
      return [node, error]
    }),
  )
}

/** With the messages of all. */
export function throwFirst(errors: readonly MycomposeError[]): void {
  const [first] = errors
  if (first === undefined) return
  if (errors.length === 1) throw first
  throw new MycomposeError(errors.map(({ message }) => message).join('\n'), {
    code: first.code,
    hint: first.hint,
    cause: new AggregateError(errors),
  })
}

/** A failed pull in the words of the project, with what can be done. */
export function explainPull(reference: string, services: readonly string[], error: MycomposeError): MycomposeError {
  const of = services.length === 0 ? '' : ` of service "${services.join('", "')}"`
  return new MycomposeError(`cannot pull image "${reference}"${of}: ${error.message}`, {
    code: error.code,
    hint: pullHint(reference, error),
    cause: error,
  })
}

/** A machine that reaches no registry can do without. */
export function pullHint(reference: string, { code, hint }: MycomposeError): string | undefined {
  if (code !== 'REGISTRY_UNREACHABLE') return hint
  const debian = /^(?:docker\.io\/(?:library\/)?)?(debian:(?:bookworm|trixie)(?:-slim)?)$/.exec(reference)?.[1]
  const own =
    debian === undefined
      ? `"mycompose image bootstrap debian:bookworm-slim --include PACKAGES --tag ${reference}" or "mycompose image import FILE.tar ${reference}"`
      : `"mycompose image bootstrap ${debian}"`
  return `${hint ?? 'check the network'}; or name a mirror in /etc/mycompose/registries.json; or make the image here: ${own}`
}
