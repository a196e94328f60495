/** Mounts of RUN: variables expanded, targets absolute, `from=` looked up. Source: Dockerfile reference, "RUN --mount". */
import type { BuildRequest, SourceRange } from '../../../api/types/build.ts'
import type { Dockerfile, MountFlag, RunInstruction } from '../dockerfile/ast.ts'
import { parseMount, resolveMountTarget, type RunMountSpec } from '../dockerfile/mount.ts'
import type { Origin, RunMount } from '../plan.ts'
import type { Expander } from './expander.ts'
import { sourcePath } from './paths.ts'
import type { StageState } from './stage-state.ts'

export interface MountContext {
  readonly expander: Expander
  readonly dockerfile: Dockerfile
  readonly request: BuildRequest
  readonly epochSeconds: number | undefined
  /** Of a stage, context or image; undefined: the main context. */
  readonly originOf: (from: string | undefined, range: SourceRange) => Promise<Origin>
}

/** As of COPY --from: which stages are needed must be known before anything is expanded. */
function refuseVariables({ entries }: MountFlag, expander: Expander): void {
  for (const { key, value = '', range } of entries) {
    if (key !== 'from' || expander.word({ text: value, range }, new Map()) === value) continue
    throw expander.error(
      range,
      'DOCKERFILE_STAGE',
      'variables are not expanded in from= of a mount',
      'name a stage "FROM ${VAR} AS base" with an ARG VAR before the first FROM, and mount from that stage',
    )
  }
}

function cacheNamespace({ args }: BuildRequest): string {
  const name = args?.['BUILDKIT_CACHE_MOUNT_NS'] ?? ''
  return name === '' ? '' : `${name}/`
}

/** `index`: of the ssh mounts of the step, as those without a target are numbered. */
async function toMount(
  spec: RunMountSpec,
  flag: MountFlag,
  index: number,
  state: StageState,
  { dockerfile, request, originOf }: MountContext,
): Promise<RunMount> {
  const folder = state.config.WorkingDir ?? '/'
  const absolute = (target: string): string => resolveMountTarget(target, folder, flag, dockerfile)
  switch (spec.kind) {
    case 'bind': {
      const from = await originOf(spec.from, flag.range)
      return { ...spec, target: absolute(spec.target), from, source: sourcePath(spec.source) }
    }
    case 'cache': {
      const from = spec.from === undefined ? undefined : await originOf(spec.from, flag.range)
      const id = `${cacheNamespace(request)}${spec.id}`
      return { ...spec, id, target: absolute(spec.target), from, source: sourcePath(spec.source) }
    }
    case 'tmpfs':
      return { ...spec, target: absolute(spec.target) }
    case 'secret':
      return { ...spec, target: spec.target === undefined ? undefined : absolute(spec.target) }
    case 'ssh':
      return { ...spec, target: absolute(spec.target ?? `/run/buildkit/ssh_agent.${index}`) }
    default:
      return spec satisfies never
  }
}

/** Throws DockerfileError. */
export async function planMounts(
  state: StageState,
  { mounts }: RunInstruction,
  context: MountContext,
): Promise<readonly RunMount[]> {
  const { expander, dockerfile } = context
  const planned: RunMount[] = []
  const targets = new Set<string>()
  for (const flag of mounts) {
    refuseVariables(flag, expander)
    const expand = (text: string): string => expander.word({ text, range: flag.range }, state.variables)
    const sshBefore = planned.filter(({ kind }) => kind === 'ssh').length
    const mount = await toMount(parseMount(flag, expand, dockerfile), flag, sshBefore, state, context)
    if (mount.target !== undefined && targets.has(mount.target))
      throw expander.error(
        flag.range,
        'DOCKERFILE_INVALID_VALUE',
        `duplicate mount target ${JSON.stringify(mount.target)}`,
      )
    if (mount.target !== undefined) targets.add(mount.target)
    planned.push(mount)
  }
  return planned
}
