/** What `--from` of COPY and `from=` of a mount name: a stage above, a named context, or an image. */
import type { SourceRange } from '../../../api/types/build.ts'
import type { Stage, Word } from '../dockerfile/ast.ts'
import type { Origin } from '../plan.ts'
import type { Expander } from './expander.ts'
import type { PlanContext } from './plan-context.ts'
import { findImageAt, isImageSource, scratchOperation } from './stage-base.ts'
import { stageNamed, type StageNode } from './stage-graph.ts'

export interface OriginRequest {
  readonly context: PlanContext
  /** The stage that asks. */
  readonly node: StageNode
  readonly expander: Expander
  readonly range: SourceRange
}

export function mainContext({ request }: PlanContext): Origin {
  return { kind: 'context', name: 'context', source: request.context }
}

/** Variables mean nothing there: which stages are needed must be known before anything is expanded. */
export function plainFrom(word: Word, expander: Expander): string {
  if (expander.word(word, new Map()) === word.text) return word.text
  throw expander.error(
    word.range,
    'DOCKERFILE_STAGE',
    'variables are not expanded in --from',
    'name a stage "FROM ${VAR} AS base" with an ARG VAR before the first FROM, and copy from that stage',
  )
}

/** By index or name; undefined: it names no stage of the file. */
function stageAbove({ context, node, expander, range }: OriginRequest, name: string): Stage | undefined {
  const { stages } = context.dockerfile
  const { index } = node.stage
  if (/^\d+$/.test(name)) {
    const stage = stages[Number(name)]
    if (stage !== undefined && stage.index < index) return stage
    throw expander.error(
      range,
      'DOCKERFILE_STAGE',
      `invalid stage index ${name}`,
      'stages count from 0, and only those above can be used',
    )
  }
  const above = stageNamed(stages, name, index)
  if (above !== undefined || stageNamed(stages, name, Infinity) === undefined) return above
  throw expander.error(
    range,
    'DOCKERFILE_STAGE',
    node.stage.name === name.toLowerCase()
      ? `circular dependency detected on stage: ${name}`
      : `stage ${JSON.stringify(name)} needs to be defined before stage ${JSON.stringify(node.stage.name ?? `stage-${index}`)}`,
    'stages can use only those above them',
  )
}

/** Throws DOCKERFILE_STAGE, and what resolveImage throws. */
export async function originNamed(request: OriginRequest, name: string): Promise<Origin> {
  const { context, node, range } = request
  const stage = stageAbove(request, name)
  if (stage !== undefined) {
    const base = context.nodes[stage.index]?.base
    if (base?.kind === 'context' && base.isWholeStage && !isImageSource(base.source))
      return { kind: 'context', name: base.name, source: base.source }
    return { kind: 'state', operation: (await context.stageState(stage.index)).operation }
  }
  if (name === 'scratch') return { kind: 'state', operation: scratchOperation(context, node) }
  const source = context.findContext(name) ?? { kind: 'image', reference: name }
  if (!isImageSource(source)) return { kind: 'context', name, source }
  return { kind: 'image', image: await findImageAt(context, source, node.platform, range) }
}
