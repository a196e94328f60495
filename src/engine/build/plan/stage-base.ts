/** What a stage stands on: nothing, another stage, an image, or a named context in place of one. */
import type { BuildSource, SourceRange } from '../../../api/types/build.ts'
import type { BaseImage, OperationId } from '../plan.ts'
import { located } from './errors.ts'
import type { PlanContext } from './plan-context.ts'
import type { ImageSource, StageNode } from './stage-graph.ts'
import { emptyState, inheritedConfig, stateOfBase, type Platform, type StageState } from './stage-state.ts'
import type { StepNames } from './step-names.ts'

export type LoadedBase =
  | { readonly kind: 'state'; readonly state: StageState }
  /** `context`: the name of the named context that it came from. */
  | { readonly kind: 'image'; readonly image: BaseImage; readonly context: string | undefined }

export function isImageSource(source: BuildSource): source is ImageSource {
  return source.kind === 'image' || source.kind === 'oci-layout'
}

/** Nothing at all, as an operation. */
export function scratchOperation({ operations }: PlanContext, { shownName, stage }: StageNode): OperationId {
  const { range } = stage.from
  return operations.add({
    base: undefined,
    work: { kind: 'scratch' },
    name: 'FROM scratch',
    stage: shownName,
    range,
    ignoresCache: false,
  })
}

/** Throws what resolveImage throws, with the place `range`. */
export async function findImageAt(
  { dockerfile, resolveImage, target, isPlatformAsked }: PlanContext,
  source: ImageSource,
  platform: Platform | undefined,
  range: SourceRange,
): Promise<BaseImage> {
  try {
    return await resolveImage({
      source,
      platform: platform ?? target,
      isPlatformAsked: isPlatformAsked || platform !== undefined,
    })
  } catch (error) {
    throw located(error, dockerfile, range)
  }
}

/** A folder, tar or repository as a stage: all of its files, and no configuration. */
function stateOfFiles(context: PlanContext, node: StageNode, name: string, source: BuildSource): StageState {
  const operation = context.operations.add({
    base: scratchOperation(context, node),
    work: {
      kind: 'copy',
      sources: [{ kind: 'path', from: { kind: 'context', name, source }, pattern: '' }],
      destination: '/',
      chown: undefined,
      chmod: undefined,
      parents: false,
      excludes: [],
      link: false,
      unpacksArchives: false,
      epochSeconds: context.epochSeconds,
    },
    name: `[context ${name}] load from client`,
    stage: node.shownName,
    range: node.stage.from.range,
    ignoresCache: false,
  })
  return emptyState(operation, node.platform ?? context.target)
}

export async function loadBase(context: PlanContext, node: StageNode): Promise<LoadedBase> {
  const { base, platform, stage } = node
  const image = (source: ImageSource): Promise<BaseImage> =>
    findImageAt(context, source, platform, stage.from.image.range)
  switch (base.kind) {
    case 'scratch':
      return { kind: 'state', state: emptyState(scratchOperation(context, node), platform ?? context.target) }
    case 'stage':
      return { kind: 'state', state: await context.stageState(base.index) }
    case 'image':
      return { kind: 'image', image: await image(base.source), context: undefined }
    case 'context':
      return isImageSource(base.source)
        ? { kind: 'image', image: await image(base.source), context: base.name }
        : { kind: 'state', state: stateOfFiles(context, node, base.name, base.source) }
    default:
      return base satisfies never
  }
}

/** Instructions that the base left for those who build on it. */
export function triggersOf(base: LoadedBase): readonly string[] {
  const config = base.kind === 'state' ? base.state.config : inheritedConfig(base.image.config.config)
  return config.OnBuild ?? []
}

/** The base as the stage's first state; an image is its first step. */
export function enterBase(context: PlanContext, node: StageNode, base: LoadedBase, names: StepNames): StageState {
  if (base.kind === 'state') return base.state
  const { image } = base
  const { os, architecture, variant } = image.config
  const operation = context.operations.add({
    base: undefined,
    work: { kind: 'image', image },
    name:
      base.context === undefined
        ? names.next(`FROM ${image.reference}`)
        : `[context ${base.context}] ${image.reference}`,
    stage: node.shownName,
    range: node.stage.from.range,
    ignoresCache: false,
  })
  const platform = { os, architecture, ...(variant === undefined ? {} : { variant }) }
  return stateOfBase(operation, image.config, platform)
}
