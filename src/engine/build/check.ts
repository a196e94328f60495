/** The checks of a Dockerfile with all that is known around it: base images that are here, .dockerignore, arguments. */
import type { BuildRequest } from '../../api/types/build.ts'
import { MycomposeError } from '../../errors.ts'
import type { ImageService } from '../services/index.ts'
import type { Dockerfile } from './dockerfile/ast.ts'
import { parseCheckOptions } from './dockerfile/directives.ts'
import { DockerfileError, excerptOf } from './dockerfile/errors.ts'
import { lint, lintFailure, type LintBase, type LintOptions } from './dockerfile/lint/lint.ts'
import { createIgnore } from './ignore/ignore.ts'
import { reachableNodes, readStages, type PlanOptions, type ReadStages } from './plan/create-plan.ts'
import type { StageNode } from './plan/stage-graph.ts'
import type { Platform } from './plan/stage-state.ts'
import type { Contexts } from './solve/contexts.ts'
import type { Progress } from './solve/progress.ts'

export interface CheckContext {
  readonly images: Pick<ImageService, 'resolve'>
  readonly request: BuildRequest
  readonly contexts: Contexts
  readonly progress: Progress
  readonly platforms: Pick<PlanOptions, 'buildPlatform' | 'targetPlatform'>
}

/** What a stage begins with; undefined: an image that is not here, and nothing is pulled for a check. */
async function baseOf(
  { images }: CheckContext,
  { base, platform }: StageNode,
  target: Platform,
): Promise<LintBase | undefined> {
  if (base.kind === 'scratch') return { env: [], hasShell: false }
  if (base.kind !== 'image' || base.source.kind !== 'image') return undefined
  const { reference } = base.source
  try {
    const { config } = await images.resolve(reference)
    const [expected, actual] = [platform ?? target, config].map(({ os, architecture }) => `${os}/${architecture}`)
    return {
      env: config.config?.Env ?? [],
      hasShell: (config.config?.Shell ?? []).length > 0,
      ...(expected === undefined || actual === undefined || expected === actual
        ? {}
        : { mismatch: { image: reference, expected, actual } }),
    }
  } catch (error) {
    if (error instanceof MycomposeError) return undefined
    throw error
  }
}

/** Of the main context, where it is a folder. */
async function ignoreOf({ request, contexts }: CheckContext): Promise<LintOptions['ignore']> {
  if (request.context.kind !== 'directory') return undefined
  const context = await contexts.open({ name: 'context', source: request.context })
  const own = request.dockerfileInline === undefined ? `${request.dockerfile ?? 'Dockerfile'}.dockerignore` : undefined
  const text = (own === undefined ? undefined : context.readText(own)) ?? context.readText('.dockerignore')
  return text === undefined ? undefined : createIgnore(text)
}

/** Which stages the checks are of: those that are built, with `check` all. */
function stagesOf({ request }: CheckContext, { nodes, targetNode }: ReadStages): Pick<LintOptions, 'stages'> {
  if (request.check === true && (request.target ?? '') === '') return {}
  return { stages: new Set([...reachableNodes(nodes, targetNode)].map(({ stage }) => stage.index)) }
}

/** Tells findings as warnings. Throws DockerfileError, with `error=true` of `# check=` also for findings. */
export async function checkDockerfile(context: CheckContext, dockerfile: Dockerfile): Promise<void> {
  const { request, progress, platforms } = context
  const read = readStages(dockerfile, request, platforms)
  const { nodes, automatic, target } = read
  const bases = await Promise.all(nodes.map((node) => baseOf(context, node, target)))
  const check = request.args?.['BUILDKIT_DOCKERFILE_CHECK']
  const options: LintOptions = {
    args: request.args ?? {},
    automaticArgs: automatic,
    baseOf: (stage) => bases[stage],
    ignore: await ignoreOf(context),
    ...(check === undefined ? {} : { check: parseCheckOptions(check, undefined) }),
    ...stagesOf(context, read),
  }
  const findings = lint(dockerfile, options)
  for (const { rule, message, description, range } of findings)
    progress.warn({ kind: 'warning', rule, message, description, source: excerptOf({ source: dockerfile, range }) })
  const failure = lintFailure(dockerfile, findings, options)
  const [first] = findings
  if (failure !== undefined && first !== undefined && request.check !== true)
    throw new DockerfileError('DOCKERFILE_CHECK', failure, { source: dockerfile, range: first.range })
}
