/** `cp`: what its two arguments mean, and which containers they are about. Source: docker compose cp, docker cp. */
import { NotFoundError, UsageError } from '../errors.ts'
import type { ProjectContext, ProjectTarget } from './context.ts'
import { observeContainers, type ObservedContainer } from './observe.ts'
import { checkServices } from './select.ts'

export type CopyWish =
  | { readonly kind: 'to'; readonly service: string; readonly source: string; readonly target: string }
  | { readonly kind: 'from'; readonly service: string; readonly source: string; readonly target: string }

/**
 * @example parseCopy("web:/etc/x", "-") is { kind: "from", service: "web", source: "/etc/x", target: "-" }
 * @throws UsageError unless exactly one side is SERVICE:PATH.
 */
export function parseCopy(source: string, target: string): CopyWish {
  const [from, to] = [splitPlace(source), splitPlace(target)]
  if (from !== undefined && to !== undefined)
    throw new UsageError('copying between services is not supported', { hint: 'copy to a folder of ours first' })
  if (from !== undefined) return { kind: 'from', service: from.service, source: from.path, target }
  if (to !== undefined) return { kind: 'to', service: to.service, source, target: to.path }
  throw new UsageError('unknown copy direction: neither side names a service', {
    hint: 'write SERVICE:PATH for the side in the container',
  })
}

/** Paths of ours begin with "/" or "."; paths in a container count from its root. */
function splitPlace(written: string): { readonly service: string; readonly path: string } | undefined {
  const colon = written.indexOf(':')
  if (written.startsWith('/') || written.startsWith('.') || colon < 1) return undefined
  const path = written.slice(colon + 1)
  return { service: written.slice(0, colon), path: path.startsWith('/') ? path : `/${path}` }
}

export interface CopyChoice {
  readonly index?: number
  /** One-offs of the service too. */
  readonly all?: boolean
}

/** To a service: all its containers; from one: the first. Stopped ones count. Throws NotFoundError NO_CONTAINER. */
export async function copyTargets(
  context: ProjectContext,
  target: ProjectTarget,
  { kind, service }: CopyWish,
  { index, all = false }: CopyChoice,
): Promise<readonly ObservedContainer[]> {
  const containers = await observeContainers(context.client, target.name)
  checkServices(target, containers, [service])
  const found = containers
    .filter((container) => container.service === service && (all || !container.oneOff))
    .filter(({ oneOff, number }) => index === undefined || (!oneOff && number === index))
    .toSorted((left, right) => Number(left.oneOff) - Number(right.oneOff) || left.number - right.number)
  if (found.length === 0)
    throw new NotFoundError(
      `no container found for service "${service}"${index === undefined ? '' : ` with index ${index}`}`,
      {
        code: 'NO_CONTAINER',
        hint: `create it with: mycompose up -d ${service}`,
      },
    )
  return kind === 'to' ? found : found.slice(0, 1)
}
