/**
 * Stages and what they stand on: FROM lines expanded and looked up among stages, named contexts and images. PURE.
 * Source: Dockerfile reference, FROM; docs.docker.com/build/concepts/context ("named contexts").
 */
import { parseReference, toCanonicalTag, toFamiliar } from '../../../api/reference.ts'
import type { BuildSource } from '../../../api/types/build.ts'
import { nearestName } from '../../../edit-distance.ts'
import { InvalidRequestError, MycomposeError, NotFoundError } from '../../../errors.ts'
import { parsePlatform } from '../../registry/platform.ts'
import type { Dockerfile, Stage } from '../dockerfile/ast.ts'
import { located } from './errors.ts'
import type { Expander } from './expander.ts'
import type { Arguments } from './global-args.ts'
import type { Platform } from './stage-state.ts'

export type ImageSource = Extract<BuildSource, { readonly kind: 'image' | 'oci-layout' }>

export type StageBase =
  | { readonly kind: 'scratch' }
  | { readonly kind: 'stage'; readonly index: number }
  | { readonly kind: 'image'; readonly source: ImageSource }
  /** A named context in place of the image, or of the whole stage. */
  | { readonly kind: 'context'; readonly name: string; readonly source: BuildSource; readonly isWholeStage: boolean }

export interface StageNode {
  readonly stage: Stage
  readonly base: StageBase
  /** What its FROM says; undefined: that of the target. */
  readonly platform: Platform | undefined
  /** "web", "stage-0", or "" when it is the only one. */
  readonly shownName: string
}

/** A named context by the name that a Dockerfile has for it. */
export type FindContext = (name: string) => BuildSource | undefined

/** "docker.io/library/web:latest" and "web" are one name. */
function contextKey(name: string): string {
  try {
    const reference = parseReference(name.toLowerCase())
    return reference.digest === undefined ? toFamiliar(toCanonicalTag(reference)).replace(/:latest$/, '') : name
  } catch (error) {
    if (error instanceof InvalidRequestError) return name.toLowerCase()
    throw error
  }
}

export function findContextIn(contexts: Readonly<Record<string, BuildSource>>): FindContext {
  const byKey = new Map(Object.entries(contexts).map(([name, source]) => [contextKey(name), source]))
  return (name) => (['scratch', 'context'].includes(name.toLowerCase()) ? undefined : byKey.get(contextKey(name)))
}

/** The last stage before `below` with that name. */
export function stageNamed(stages: readonly Stage[], name: string, below: number): Stage | undefined {
  const wanted = name.toLowerCase()
  return stages.findLast((stage) => stage.index < below && stage.name === wanted)
}

/** Any COPY --from or mount makes BuildKit count more than one stage, and name them in its steps. */
function isAlone(stages: readonly Stage[]): boolean {
  if (stages.length > 1) return false
  const instructions = stages[0]?.instructions ?? []
  return !instructions.some(
    (instruction) =>
      (instruction.kind === 'run' && instruction.mounts.length > 0) ||
      (instruction.kind === 'copy' && instruction.from !== undefined),
  )
}

function platformOf({ from }: Stage, args: Arguments, expander: Expander): Platform | undefined {
  if (from.platform === undefined) return undefined
  const { range } = from.platform
  const text = expander.word(from.platform, args)
  if (text === '')
    throw expander.error(range, 'DOCKERFILE_INVALID_VALUE', `${JSON.stringify(from.platform.text)} is empty`)
  try {
    return parsePlatform(text)
  } catch (error) {
    if (!(error instanceof MycomposeError)) throw error
    throw expander.error(range, 'DOCKERFILE_INVALID_VALUE', error.message, error.hint)
  }
}

function baseOf(dockerfile: Dockerfile, stage: Stage, name: string, findContext: FindContext): StageBase {
  const whole = stage.name === undefined ? undefined : findContext(stage.name)
  if (stage.name !== undefined && whole !== undefined)
    return { kind: 'context', name: stage.name, source: whole, isWholeStage: true }
  if (name === 'scratch') return { kind: 'scratch' }
  const below = stageNamed(dockerfile.stages, name, stage.index)
  if (below !== undefined) return { kind: 'stage', index: below.index }
  const source = findContext(name)
  if (source !== undefined) return { kind: 'context', name, source, isWholeStage: false }
  return { kind: 'image', source: { kind: 'image', reference: name } }
}

/** Throws DockerfileError, and IMAGE_REFERENCE with a place. */
export function toStageNodes(
  dockerfile: Dockerfile,
  args: Arguments,
  findContext: FindContext,
  expander: Expander,
): readonly StageNode[] {
  const alone = isAlone(dockerfile.stages)
  return dockerfile.stages.map((stage) => {
    const { image } = stage.from
    const name = expander.word(image, args)
    if (name === '')
      throw expander.error(
        image.range,
        'DOCKERFILE_INVALID_VALUE',
        `the base image ${JSON.stringify(image.text)} is empty`,
        'give its ARG (before the first FROM) a default',
      )
    const base = baseOf(dockerfile, stage, name, findContext)
    try {
      if (base.kind === 'image') parseReference(name)
    } catch (error) {
      throw located(error, dockerfile, image.range)
    }
    const shownName = alone ? '' : (stage.name ?? `stage-${stage.index}`)
    return { stage, base, platform: platformOf(stage, args, expander), shownName }
  })
}

/** By name whatever its case, or by index; the last one when none is named. Throws NotFoundError (BUILD_TARGET). */
export function findTarget(stages: readonly Stage[], target: string | undefined): Stage {
  const last = stages.at(-1)
  if (last === undefined) throw new Error('a Dockerfile has a stage')
  if (target === undefined || target === '') return last
  const found = stageNamed(stages, target, Infinity) ?? (/^\d+$/.test(target) ? stages[Number(target)] : undefined)
  if (found !== undefined) return found
  const names = stages.flatMap(({ name }) => name ?? [])
  const near = nearestName(target, names)
  throw new NotFoundError(`target stage ${JSON.stringify(target)} could not be found`, {
    code: 'BUILD_TARGET',
    hint:
      near === undefined
        ? `the Dockerfile has ${names.length === 0 ? 'no named stages' : `the stages ${names.join(', ')}`}`
        : `did you mean ${JSON.stringify(near)}?`,
  })
}
