/** What one build holds open from its request to its end, and what can be said of the request before anything is read. */
import type { BuildRequest } from '../../api/types/build.ts'
import { InvalidRequestError, UnsupportedError } from '../../errors.ts'
import { parseBuildTag } from '../images/built.ts'
import { holdLayers, type LayerHold } from '../layers/holds.ts'
import { freeLayers } from '../layers/store.ts'
import { parsePlatform } from '../registry/platform.ts'
import type { EngineBase, EngineContext } from '../context.ts'
import type { DigestKeeper } from './context/file-digests.ts'
import type { RemoteOptions } from './context/remotes.ts'
import type { OpenSourceOptions } from './context/source.ts'
import { cacheTargets, parseCacheSource } from './exchange/places.ts'
import type { Platform } from './plan/stage-state.ts'
import type { CacheMounts } from './run/cache-mounts.ts'
import { createContexts, type Contexts } from './solve/contexts.ts'
import { mountStates, type MountedStates } from './solve/mounted-states.ts'
import type { Progress } from './solve/progress.ts'
import type { Slots } from './solve/slots.ts'
import type { StepFlights } from './solve/solve.ts'

/** What all builds of an engine share. */
export interface BuildContext extends EngineBase, Pick<EngineContext, 'images' | 'layers' | 'networks' | 'platform'> {
  readonly cacheMounts: CacheMounts
  readonly digests: DigestKeeper
  readonly flights: StepFlights
  readonly slots: Slots
}

export interface Session {
  readonly context: BuildContext
  readonly request: BuildRequest
  readonly progress: Progress
  readonly contexts: Contexts
  readonly states: MountedStates
  readonly hold: LayerHold
  readonly signal: AbortSignal
  /** Steps that were begun; they may go on for another build when this one has ended. */
  readonly begun: Set<Promise<unknown>>
  /** See SolveContext. */
  readonly replaced: Set<string>
  /** What is open for it. */
  readonly resources: AsyncDisposableStack
}

/** Undefined: whatever suits. Throws InvalidRequestError. */
export function targetPlatform({ platforms = [] }: BuildRequest): Platform | undefined {
  const [first, ...more] = platforms
  if (first === undefined) return undefined
  const platform = parsePlatform(first)
  if (more.some((other) => JSON.stringify(parsePlatform(other)) !== JSON.stringify(platform)))
    throw new UnsupportedError(`a build makes an image for one platform, not for ${platforms.join(', ')}`, {
      code: 'BUILD_PLATFORMS',
      hint: 'build once for each platform, on a machine of that kind',
    })
  return platform
}

/** What can be said before anything is read. */
export function checkRequest({ storageDriver }: BuildContext, request: BuildRequest): void {
  if (storageDriver === 'vfs')
    throw new UnsupportedError('images cannot be built in a store without overlay mounts (vfs)', {
      hint: 'choose a root on ext4, xfs or btrfs with --root',
    })
  for (const tag of request.tags ?? []) parseBuildTag(tag)
  targetPlatform(request)
  cacheTargets(request)
  for (const source of request.cacheFrom ?? []) parseCacheSource(source)
  const { context } = request
  if (context.kind === 'image' || context.kind === 'oci-layout')
    throw new InvalidRequestError('an image cannot be the main context', {
      code: 'BUILD_CONTEXT',
      hint: 'use it as an additional context, or write "FROM" in the Dockerfile',
    })
}

/** What addresses and repositories may ask for: secrets of these names, the agent that is called "default". */
export function remoteOptions({ secrets = [], ssh = [] }: BuildRequest, signal: AbortSignal): RemoteOptions {
  const logins = secrets.filter(({ id }) => /^(?:GIT|HTTP)_AUTH_(?:TOKEN|HEADER)/.test(id))
  const agent = ssh.find(({ id }) => id === 'default')
  return {
    secrets: new Map(logins.map(({ id, valueBase64 }) => [id, Buffer.from(valueBase64, 'base64').toString()])),
    signal,
    ...(agent === undefined ? {} : { sshSocket: agent.socketPath }),
  }
}

/** For the main context. */
export function sourceOptions(context: BuildContext, request: BuildRequest, signal: AbortSignal): OpenSourceOptions {
  const own = request.dockerfileInline === undefined ? { dockerfile: request.dockerfile ?? 'Dockerfile' } : {}
  return { ...remoteOptions(request, signal), digests: context.digests, ...own }
}

export function openSession(
  context: BuildContext,
  request: BuildRequest,
  progress: Progress,
  signal: AbortSignal,
): Session {
  const resources = new AsyncDisposableStack()
  resources.use(context.networks.keepBridges())
  return {
    context,
    request,
    progress,
    contexts: resources.use(
      createContexts({
        base: context,
        progress,
        options: { ...remoteOptions(request, signal), digests: context.digests },
        dockerfile: request.dockerfileInline === undefined ? (request.dockerfile ?? 'Dockerfile') : undefined,
      }),
    ),
    states: resources.use(mountStates(context, context.layers)),
    hold: resources.use(holdLayers(context)),
    signal,
    begun: new Set(),
    replaced: new Set(),
    resources,
  }
}

/** Steps that go on for another build read what this one has opened. */
export async function closeSession({ context, begun, replaced, resources }: Session): Promise<void> {
  try {
    await Promise.allSettled(begun)
    await resources.disposeAsync()
    if (replaced.size > 0) await freeLayers(context, [...replaced], () => {})
  } catch (error) {
    context.log('error', 'what a build had open could not be closed', { error: String(error) })
  }
}
