/**
 * Base images of a build: found in the store, else pulled; told as the step "[internal] load metadata for ...", with the layers
 * that come. What was found is held until the build ends.
 */
import { parseReference, toCanonicalTag } from '../../../api/reference.ts'
import type { BuildRequest } from '../../../api/types/build.ts'
import type { ImageConfig, ProgressMessage } from '../../../api/types/index.ts'
import type { EngineBase } from '../../context.ts'
import { NotFoundError, UnsupportedError } from '../../../errors.ts'
import { findImage } from '../../../state/images.ts'
import type { ImageService, ResolvedImage } from '../../services/index.ts'
import type { BuildHold } from '../cache/holds.ts'
import { formatPlatform } from '../plan/global-args.ts'
import type { ImageWish, ResolveImage } from '../plan/plan-context.ts'
import type { Platform } from '../plan/stage-state.ts'
import { credentialsFor } from './credentials.ts'
import { endingOf, type Progress } from './progress.ts'

export interface BaseImageContext {
  readonly base: EngineBase
  readonly images: ImageService
  readonly request: BuildRequest
  readonly progress: Progress
  readonly hold: BuildHold
  readonly signal: AbortSignal
}

const ID = /^(?:sha256:)?[0-9a-f]{64}$/

/** As steps show it: in full, with the digest that the registry has for it. An id stays as it is. */
function shownReference({ state }: EngineBase, text: string, imageId: string): string {
  if (ID.test(text)) return text
  const reference = parseReference(text)
  const repository = `${reference.domain}/${reference.path}`
  const repoDigests = findImage(state, imageId)?.distribution?.repoDigests ?? []
  const digest = reference.digest ?? repoDigests.find((one) => one.startsWith(`${repository}@`))?.split('@')[1]
  const name = reference.digest === undefined ? toCanonicalTag(reference) : repository
  return digest === undefined ? name : `${name}@${digest}`
}

function isFor({ os, architecture }: ImageConfig, platform: Platform): boolean {
  return os === platform.os && architecture === platform.architecture
}

/** What is here under that name, and fits. */
async function findHere(images: ImageService, text: string, wish: ImageWish): Promise<ResolvedImage | undefined> {
  try {
    const image = await images.resolve(text)
    return wish.isPlatformAsked && !isFor(image.config, wish.platform) ? undefined : image
  } catch (error) {
    if (error instanceof NotFoundError) return undefined
    throw error
  }
}

/** `id`: of the step that tells it. */
async function pull(context: BaseImageContext, text: string, wish: ImageWish, id: string): Promise<ResolvedImage> {
  const { images, request, progress, signal } = context
  const credentials = credentialsFor(request.registryAuth ?? {}, parseReference(text).domain)
  const tell = ({ id: part, progressDetail: { current, total } = {} }: ProgressMessage): void => {
    if (part !== undefined && current !== undefined) progress.amount(id, part, current, total, 'bytes')
  }
  await images.pull(
    text,
    {
      ...(wish.isPlatformAsked ? { platform: formatPlatform(wish.platform) } : {}),
      ...(credentials === undefined ? {} : { credentials }),
      signal,
    },
    tell,
  )
  return await images.resolve(text)
}

async function bring(context: BaseImageContext, text: string, wish: ImageWish, id: string): Promise<ResolvedImage> {
  const here = context.request.pull === true && !ID.test(text) ? undefined : await findHere(context.images, text, wish)
  const image = here ?? (await pull(context, text, wish, id))
  context.hold.add(image.chainIds)
  // held from here on, and perhaps removed before
  return await context.images.resolve(image.id)
}

/** For one build. */
export function createImageResolver(context: BaseImageContext): ResolveImage {
  const { base, progress } = context
  const ids = new Map<string, string>()

  function announce(text: string): string {
    const name = `[internal] load metadata for ${ID.test(text) ? text : toCanonicalTag(parseReference(text))}`
    const known = ids.get(name)
    if (known !== undefined) return known
    const id = `metadata-${ids.size}`
    ids.set(name, id)
    progress.announce({ id, name, inputs: [] })
    return id
  }

  return async (wish) => {
    if (wish.source.kind === 'oci-layout')
      throw new UnsupportedError(`an OCI layout cannot be a context yet: ${wish.source.path}`, {
        hint: `load it (tar -C ${wish.source.path} -c . | mycompose image load) and use docker-image://NAME`,
      })
    const text = wish.source.reference
    const id = announce(text)
    progress.started(id)
    try {
      const { id: imageId, chainIds, config } = await bring(context, text, wish, id)
      progress.ended(id, { kind: 'done', cached: false })
      return { reference: shownReference(base, text, imageId), id: imageId, chainIds, config }
    } catch (error) {
      progress.ended(id, endingOf(error))
      throw error
    }
  }
}
