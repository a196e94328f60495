/**
 * Base images of a build: found in the store, else pulled; told as the step "[internal] load metadata for ...", with the layers
 * that come. What was found is held until the build ends.
 */
import { parseReference, toCanonicalTag } from '../../../api/reference.ts'
import type { BuildRequest, BuildSource } from '../../../api/types/build.ts'
import type { ImageConfig, ProgressMessage } from '../../../api/types/index.ts'
import type { EngineBase } from '../../context.ts'
import { NotFoundError } from '../../../errors.ts'
import { findImage } from '../../../state/images.ts'
import type { ImageService, ResolvedImage } from '../../services/index.ts'
import type { LayerHold } from '../../layers/holds.ts'
import { openLayout } from '../context/oci-layout.ts'
import type { BaseImage } from '../plan.ts'
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
  readonly hold: LayerHold
  readonly signal: AbortSignal
  /** An image has to be brought, which may take a while. */
  readonly onPull: () => void
}

type OciLayout = Extract<BuildSource, { readonly kind: 'oci-layout' }>

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
    const image = await images.resolve(text, wish.isPlatformAsked ? formatPlatform(wish.platform) : undefined)
    return wish.isPlatformAsked && !isFor(image.config, wish.platform) ? undefined : image
  } catch (error) {
    if (error instanceof NotFoundError) return undefined
    throw error
  }
}

/** `id`: of the step that tells it. */
async function pull(context: BaseImageContext, text: string, wish: ImageWish, id: string): Promise<ResolvedImage> {
  const { images, request, progress, signal, onPull } = context
  const credentials = credentialsFor(request.registryAuth ?? {}, parseReference(text).domain)
  const tell = ({ id: part, progressDetail: { current, total } = {} }: ProgressMessage): void => {
    if (part !== undefined && current !== undefined) progress.amount(id, part, current, total, 'bytes')
  }
  onPull()
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

const LOADED = /^Loaded image ID: (sha256:[0-9a-f]{64})/

/** The image of a folder with an OCI layout, brought into the store without a name unless it is there. */
async function bringLayout(
  { base, images, hold, signal }: BaseImageContext,
  { path, reference }: OciLayout,
  { isPlatformAsked, platform }: ImageWish,
): Promise<ResolvedImage> {
  const layout = openLayout(base.host, path, reference)
  let id = layout.id !== undefined && findImage(base.state, layout.id) !== undefined ? layout.id : undefined
  if (id === undefined) {
    const options = { quiet: true, signal, ...(isPlatformAsked ? { platform: formatPlatform(platform) } : {}) }
    await images.load(layout.tar(), options, ({ stream = '' }) => {
      id = LOADED.exec(stream)?.[1] ?? id
    })
  }
  if (id === undefined) throw new Error(`the loader told no image of ${path}`)
  const image = await images.resolve(id)
  hold.add(image.chainIds)
  return await images.resolve(id)
}

/** For one build. */
export function createImageResolver(context: BaseImageContext): ResolveImage {
  const { base, progress } = context
  const ids = new Map<string, string>()

  function announce(shown: string): string {
    const name = `[internal] load metadata for ${shown}`
    const known = ids.get(name)
    if (known !== undefined) return known
    const id = `metadata-${ids.size}`
    ids.set(name, id)
    progress.announce({ id, name, inputs: [] })
    return id
  }

  async function fromLayout(source: OciLayout, wish: ImageWish): Promise<BaseImage> {
    const reference = `oci-layout://${source.path}${source.reference === undefined ? '' : `:${source.reference}`}`
    const id = announce(reference)
    progress.started(id)
    try {
      const { id: imageId, chainIds, config } = await bringLayout(context, source, wish)
      progress.ended(id, { kind: 'done', cached: false })
      return { reference, id: imageId, chainIds, config }
    } catch (error) {
      progress.ended(id, endingOf(error))
      throw error
    }
  }

  return async (wish) => {
    if (wish.source.kind === 'oci-layout') return await fromLayout(wish.source, wish)
    const text = wish.source.reference
    const id = announce(ID.test(text) ? text : toCanonicalTag(parseReference(text)))
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
