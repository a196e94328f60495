/** Walks one stage: instructions become operations, the configuration and the history grow. */
import type { SourceRange } from '../../../api/types/build.ts'
import { MycomposeError } from '../../../errors.ts'
import type {
  CopyInstruction,
  Dockerfile,
  RunInstruction,
  StageInstruction,
  TextInstruction,
} from '../dockerfile/ast.ts'
import { parseDockerfile } from '../dockerfile/parse.ts'
import type { OperationId, Work } from '../plan.ts'
import { applyConfigInstruction, type ConfigInstruction } from './config-instructions.ts'
import { planCopy } from './copy-step.ts'
import { createExpander, type Expander } from './expander.ts'
import { mainContext, originNamed, plainFrom } from './origins.ts'
import { workingPath } from './paths.ts'
import type { PlanContext } from './plan-context.ts'
import { planRun } from './run-step.ts'
import { enterBase, loadBase, triggersOf } from './stage-base.ts'
import type { StageNode } from './stage-graph.ts'
import { stateOfStage, withConfig, withHistory, withOperation, type StageState } from './stage-state.ts'
import { createStepNames, type StepNames } from './step-names.ts'

interface Walk {
  readonly context: PlanContext
  readonly node: StageNode
  readonly names: StepNames
  readonly ignoresCache: boolean
}

/** An instruction of the file, or one that a base left for those who build on it. */
interface Placed<T extends StageInstruction = StageInstruction> {
  readonly instruction: T
  readonly expander: Expander
  readonly range: SourceRange
  readonly isOnbuild: boolean
}

/** An ONBUILD of the base; its place is the FROM that brought it. */
function placeTrigger(context: PlanContext, { stage }: StageNode, text: string): readonly Placed[] {
  const { range } = stage.from
  let parsed: Dockerfile
  try {
    parsed = parseDockerfile(`FROM scratch\n${text}\n`, context.dockerfile.file)
  } catch (error) {
    if (!(error instanceof MycomposeError)) throw error
    const message = `the base says "ONBUILD ${text}", which is wrong: ${error.message}`
    throw context.expander.error(range, 'DOCKERFILE_SYNTAX', message)
  }
  const expander = createExpander({ ...context.dockerfile, directives: parsed.directives }, range)
  const instructions = parsed.stages[0]?.instructions ?? []
  return instructions.map((instruction) => ({ instruction, expander, range, isOnbuild: true }))
}

function placeOwn({ expander }: PlanContext, { stage }: StageNode): readonly Placed[] {
  return stage.instructions.map((instruction) => ({
    instruction,
    expander,
    range: instruction.range,
    isOnbuild: false,
  }))
}

function addOperation(walk: Walk, state: StageState, placed: Placed, name: string, work: Work): OperationId {
  const { context, node, names, ignoresCache } = walk
  return context.operations.add({
    base: state.operation,
    work,
    name: names.next(name, placed.isOnbuild),
    stage: node.shownName,
    range: placed.range,
    ignoresCache,
  })
}

async function applyRun(walk: Walk, state: StageState, placed: Placed<RunInstruction>): Promise<StageState> {
  const { context, node } = walk
  const { instruction, expander } = placed
  const { work, createdBy, name } = await planRun(state, instruction, {
    expander,
    dockerfile: context.dockerfile,
    request: context.request,
    epochSeconds: context.epochSeconds,
    originOf: async (from, range) =>
      from === undefined ? mainContext(context) : await originNamed({ context, node, expander, range }, from),
  })
  return withOperation(state, addOperation(walk, state, placed, name, work), createdBy)
}

async function applyCopy(walk: Walk, state: StageState, placed: Placed<CopyInstruction>): Promise<StageState> {
  const { context, node } = walk
  const { instruction, expander } = placed
  const { work, createdBy } = await planCopy(state, instruction, {
    expander,
    epochSeconds: context.epochSeconds,
    originOf: async (from) =>
      from === undefined
        ? mainContext(context)
        : await originNamed({ context, node, expander, range: from.range }, plainFrom(from, expander)),
  })
  const name = expander.name(instruction.text, state.variables, false)
  return withOperation(state, addOperation(walk, state, placed, name, work), createdBy)
}

/** The folder is made by the builder, and belongs to the user of that moment. */
function applyWorkdir(walk: Walk, state: StageState, placed: Placed<TextInstruction>): StageState {
  const { instruction, expander } = placed
  const path = workingPath(state.config.WorkingDir ?? '/', expander.word(instruction.value, state.variables))
  const moved = withConfig(state, { WorkingDir: path })
  if (path === '/') return withHistory(moved, 'WORKDIR /')
  const { User: user = '' } = state.config
  const { epochSeconds } = walk.context
  const name = expander.name(instruction.text, state.variables, false)
  const operation = addOperation(walk, state, placed, name, { kind: 'mkdir', path, user, epochSeconds })
  return withOperation(moved, operation, `WORKDIR ${path}`)
}

function applyConfig(
  { context }: Walk,
  state: StageState,
  { instruction, expander }: Placed<ConfigInstruction>,
): StageState {
  const { globals, request, declaredArgs } = context
  const changed = applyConfigInstruction(state, instruction, { expander, globals, given: request.args ?? {} })
  for (const name of changed.args.keys()) declaredArgs.add(name)
  return changed
}

async function apply(walk: Walk, state: StageState, placed: Placed): Promise<StageState> {
  const { instruction } = placed
  if (instruction.kind === 'run') return await applyRun(walk, state, { ...placed, instruction })
  if ('sources' in instruction) return await applyCopy(walk, state, { ...placed, instruction })
  if (!('value' in instruction)) return applyConfig(walk, state, { ...placed, instruction })
  return instruction.kind === 'workdir'
    ? applyWorkdir(walk, state, { ...placed, instruction })
    : applyConfig(walk, state, { ...placed, instruction })
}

function ignoresCache({ request }: PlanContext, { stage }: StageNode): boolean {
  const filter = request.noCacheFilter ?? []
  if (request.noCache === true && filter.length === 0) return true
  return stage.name !== undefined && filter.some((name) => name.toLowerCase() === stage.name)
}

/** What the stage is at its end. Throws DockerfileError, and errors of images with a place. */
export async function planStage(context: PlanContext, node: StageNode): Promise<StageState> {
  const base = await loadBase(context, node)
  const isReplaced = node.base.kind === 'context' && node.base.isWholeStage
  const placed = isReplaced
    ? []
    : [...triggersOf(base).flatMap((text) => placeTrigger(context, node, text)), ...placeOwn(context, node)]
  const names = createStepNames(
    node,
    placed.map(({ instruction }) => instruction),
  )
  const walk = { context, node, names, ignoresCache: ignoresCache(context, node) }
  let state = stateOfStage(enterBase(context, node, base, names))
  for (const one of placed) state = await apply(walk, state, one)
  return state
}
