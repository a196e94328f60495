/**
 * Resource: what containers use. One object, or one a second for as long as the client stays and the container exists.
 * Source: Engine API ContainerStats; moby daemon/stats.go (what `stream` and `one-shot` mean).
 */
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { ok, type Answer, type ApiRequest } from './answer.ts'
import type { ApiContext } from './context.ts'
import type { Routes } from './router.ts'
import type { ContainerStats } from '../types/index.ts'
import { CanceledError, InvalidRequestError, NotFoundError } from '../../errors.ts'

const PERIOD_MS = 1000

/** The sample with the processor time of the one before, which clients need for a percentage. */
function after(previous: ContainerStats | undefined, sample: ContainerStats): ContainerStats {
  if (previous === undefined) return sample
  return { ...sample, preread: previous.read, precpu_stats: previous.cpu_stats }
}

async function write(sink: Writable, stats: ContainerStats, signal: AbortSignal): Promise<void> {
  if (!sink.write(`${JSON.stringify(stats)}\n`)) await once(sink, 'drain', { signal })
}

/** `id` in full: a name may go to another container meanwhile. */
async function stream({ engine }: ApiContext, id: string, sink: Writable, signal: AbortSignal): Promise<void> {
  const { containers, host } = engine
  let previous: ContainerStats | undefined
  try {
    for (;;) {
      const sample = await containers.stats(id)
      await write(sink, after(previous, sample), signal)
      previous = sample
      await host.clock.sleep(PERIOD_MS, signal)
    }
  } catch (error) {
    // the container was removed, or the client went away
    if (!(error instanceof NotFoundError || error instanceof CanceledError) && !signal.aborted) throw error
  }
}

async function stats(context: ApiContext, request: ApiRequest): Promise<Answer> {
  const { containers, host } = context.engine
  const { query, signal } = request
  const isStream = query.text('stream') === undefined || query.flag('stream')
  if (isStream && query.flag('one-shot')) throw new InvalidRequestError('cannot have stream=true and one-shot=true')
  const first = await containers.stats(request.params['id'] ?? '')
  if (isStream)
    return {
      kind: 'stream',
      contentType: 'application/json',
      write: (sink) => stream(context, first.id, sink, signal),
    }
  const isRunning = first.memory_stats.usage !== undefined
  if (query.flag('one-shot') || !isRunning) return ok(first)
  await host.clock.sleep(PERIOD_MS, signal)
  return ok(after(first, await containers.stats(first.id)))
}

export function statsRoutes(context: ApiContext): Routes {
  return { 'GET /containers/{id}/stats': (request) => stats(context, request) }
}
