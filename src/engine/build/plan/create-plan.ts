/** A Dockerfile and a request become a plan: the operations that the target needs, and the image that comes of them. */
import type { BuildRequest } from '../../../api/types/build.ts'
import type { Dockerfile, Stage, StageInstruction } from '../dockerfile/ast.ts'
import type { Plan, PlannedImage } from '../plan.ts'
import { epochTime } from './epoch.ts'
import { createExpander, type Expander } from './expander.ts'
import { automaticArgs, globalArgs, unusedArgs, type Arguments } from './global-args.ts'
import { createOperationList } from './operation-list.ts'
import type { PlanContext, ResolveImage } from './plan-context.ts'
import { planStage } from './plan-stage.ts'
import { isImageSource } from './stage-base.ts'
import { findContextIn, findTarget, stageNamed, toStageNodes, type FindContext, type StageNode } from './stage-graph.ts'
import { HISTORY_COMMENT, type Platform, type StageState } from './stage-state.ts'

export interface PlanOptions {
  readonly resolveImage: ResolveImage
  /** Of this machine. */
  readonly buildPlatform: Platform
  /** What is built for; undefined: this machine, or what the base image is for. */
  readonly targetPlatform: Platform | undefined
}

/** Seconds since 1970; as "" it is not there. */
function epochOf({ args = {} }: BuildRequest, globals: Arguments, expander: Expander): number | undefined {
  const text = args['SOURCE_DATE_EPOCH'] ?? globals.get('SOURCE_DATE_EPOCH') ?? ''
  if (text === '') return undefined
  const seconds = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(seconds)) return seconds
  const top = { line: 1, column: 1, endLine: 1, endColumn: 1 }
  throw expander.error(
    top,
    'DOCKERFILE_INVALID_VALUE',
    `SOURCE_DATE_EPOCH is ${JSON.stringify(text)}, which is no number of seconds`,
    'give it as seconds since 1970: SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)',
  )
}

/** What an instruction reads from: names and indexes as they are written. */
function namesOf(instruction: StageInstruction): readonly string[] {
  if (instruction.kind === 'run')
    return instruction.mounts.flatMap(({ entries }) =>
      entries.flatMap(({ key, value = '' }) => (key === 'from' ? value : [])),
    )
  return instruction.kind === 'copy' && instruction.from !== undefined ? [instruction.from.text] : []
}

/** Indexes of stages that the stage needs as far as the file itself tells; one that a context replaces needs none. */
function stagesBelow(stages: readonly Stage[], { stage, base }: StageNode): readonly number[] {
  if (base.kind === 'context' && base.isWholeStage) return []
  const named = stage.instructions
    .flatMap(namesOf)
    .flatMap((name) => (/^\d+$/.test(name) ? Number(name) : (stageNamed(stages, name, stage.index)?.index ?? [])))
  return [...(base.kind === 'stage' ? [base.index] : []), ...named].filter((index) => index < stage.index)
}

/**
 * Stages that the target needs as far as the file itself tells: their images are looked up side by side from the start. What
 * ONBUILDs of an image name comes later, one by one.
 */
export function reachableNodes(nodes: readonly StageNode[], target: StageNode): ReadonlySet<StageNode> {
  const stages = nodes.map(({ stage }) => stage)
  const found = new Set<StageNode>()
  const queue = [target]
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    if (found.has(node)) continue
    found.add(node)
    for (const index of stagesBelow(stages, node)) queue.push(...nodes.slice(index, index + 1))
  }
  return found
}

/** Begins all lookups at once; whoever needs one hears of its failure. */
function lookAhead(context: PlanContext, target: StageNode): void {
  for (const { base, platform } of reachableNodes(context.nodes, target)) {
    const source = base.kind === 'image' || base.kind === 'context' ? base.source : undefined
    if (source === undefined || !isImageSource(source)) continue
    const isPlatformAsked = context.isPlatformAsked || platform !== undefined
    context.resolveImage({ source, platform: platform ?? context.target, isPlatformAsked }).catch(() => {})
  }
}

/** The same wish is looked up once. */
function once(resolveImage: ResolveImage): ResolveImage {
  const known = new Map<string, ReturnType<ResolveImage>>()
  return (wish) => {
    const key = JSON.stringify(wish)
    const found = known.get(key) ?? resolveImage(wish)
    known.set(key, found)
    return found
  }
}

/** The target's platform, where it was asked for, is the image's, whatever the base says. */
function toImage(state: StageState, context: PlanContext): PlannedImage {
  const { request, epochSeconds } = context
  const labels = { ...state.config.Labels, ...request.labels }
  const { os, architecture, variant } = context.isPlatformAsked ? context.target : state.platform
  const created = epochSeconds === undefined ? undefined : epochTime(epochSeconds)
  const isOurs = (step: StageState['history'][number]): boolean => step.comment === HISTORY_COMMENT
  return {
    operation: state.operation,
    config: {
      architecture,
      os,
      ...(variant === undefined ? {} : { variant }),
      ...(state.author === undefined ? {} : { author: state.author }),
      config: { ...state.config, ...(Object.keys(labels).length === 0 ? {} : { Labels: labels }) },
    },
    history: state.history.map((step) =>
      created !== undefined && step.created === undefined && isOurs(step) ? { ...step, created } : step,
    ),
    epochSeconds,
  }
}

/** What the file says by itself, before any image is looked at. */
export interface ReadStages {
  readonly expander: Expander
  readonly automatic: Arguments
  readonly globals: Arguments
  readonly nodes: readonly StageNode[]
  readonly findContext: FindContext
  readonly target: Platform
  readonly targetNode: StageNode
}

/** PURE. Throws DockerfileError, BUILD_TARGET, IMAGE_REFERENCE with a place. */
export function readStages(
  dockerfile: Dockerfile,
  request: BuildRequest,
  { buildPlatform, targetPlatform }: Pick<PlanOptions, 'buildPlatform' | 'targetPlatform'>,
): ReadStages {
  const expander = createExpander(dockerfile)
  const given = request.args ?? {}
  const stage = findTarget(dockerfile.stages, request.target)
  const target = targetPlatform ?? buildPlatform
  const automatic = automaticArgs({ build: buildPlatform, target }, request.target ?? stage.name ?? '', given)
  const globals = globalArgs(dockerfile, automatic, given, expander)
  const findContext = findContextIn(request.additionalContexts ?? {})
  const nodes = toStageNodes(dockerfile, globals, findContext, expander)
  const targetNode = nodes[stage.index]
  if (targetNode === undefined) throw new Error(`no stage ${stage.index}`)
  return { expander, automatic, globals, nodes, findContext, target, targetNode }
}

/** Of all stages, whether they are needed or not. */
function declaredArgs({ globalArgs: args, stages }: Dockerfile): Set<string> {
  const own = stages.flatMap(({ instructions }) => instructions.filter((instruction) => instruction.kind === 'arg'))
  return new Set([...args, ...own].flatMap(({ pairs }) => pairs.map(({ key }) => key.text)))
}

/** Throws DockerfileError, BUILD_TARGET, and what resolveImage throws, with a place in the file. */
export async function createPlan(dockerfile: Dockerfile, request: BuildRequest, options: PlanOptions): Promise<Plan> {
  const { expander, automatic, globals, nodes, findContext, target, targetNode } = readStages(
    dockerfile,
    request,
    options,
  )
  const states = new Map<number, Promise<StageState>>()
  const context: PlanContext = {
    dockerfile,
    request,
    nodes,
    operations: createOperationList(),
    expander,
    globals,
    findContext,
    resolveImage: once(options.resolveImage),
    target,
    isPlatformAsked: options.targetPlatform !== undefined,
    epochSeconds: epochOf(request, globals, expander),
    declaredArgs: declaredArgs(dockerfile),
    stageState(index) {
      const node = nodes[index]
      if (node === undefined) throw new Error(`no stage ${index}`)
      const state = states.get(index) ?? planStage(context, node)
      states.set(index, state)
      return state
    },
  }
  lookAhead(context, targetNode)
  const image = toImage(await context.stageState(targetNode.stage.index), context)
  return {
    operations: context.operations.all,
    image,
    unusedArgs: unusedArgs(request.args ?? {}, new Set([...context.declaredArgs, ...automatic.keys()])),
  }
}
