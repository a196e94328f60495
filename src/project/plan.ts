/**
 * The plan: operations as data, each with its cause and the operations that it comes after. reconcile/ makes it,
 * execute.ts walks it, formatPlan prints it. Pure.
 */
import type { EndpointSettings, NetworkCreateRequest, VolumeCreateRequest } from '../api/types/index.ts'
import type { DependencyCondition, Service } from '../compose/model.ts'
import type { OneOff } from './one-off.ts'

/** A container by its final name. Without `id` it is made by this plan: execute knows the id by then. */
export interface ContainerRef {
  readonly name: string
  readonly service: string
  readonly id?: string
}

/** What translate/ makes the create request of, once ids are known. */
export interface ContainerSpec {
  readonly service: Service
  /** 0 for a one-off. */
  readonly number: number
  /** The final name. */
  readonly name: string
  readonly imageId: string
  /** `run`: a container beside those of the service. */
  readonly oneOff?: OneOff
  /** The container that this one takes the place of. */
  readonly replaces?: ContainerRef
  /** Container path -> anonymous volume that is carried over. */
  readonly inheritedVolumes: Readonly<Record<string, string>>
  /** "service:X" of namespaces and volumes_from -> container. */
  readonly references: Readonly<Record<string, ContainerRef>>
  /** Service -> names of its containers, for those that `links` names. */
  readonly linked: Readonly<Record<string, readonly string[]>>
}

/** `ready` is what --wait waits for: healthy, or running without a health check, or ended with 0. */
export type WaitCondition = DependencyCondition | 'ready'

export type Work =
  | { readonly kind: 'createNetwork'; readonly request: NetworkCreateRequest }
  | {
      readonly kind: 'removeNetwork'
      readonly name: string
      readonly networkId: string
      /** Still in use is a warning. */
      readonly ifUnused: boolean
    }
  | {
      readonly kind: 'connectNetwork'
      readonly network: string
      readonly container: ContainerRef
      readonly endpoint: EndpointSettings
    }
  | { readonly kind: 'disconnectNetwork'; readonly network: string; readonly container: ContainerRef }
  | { readonly kind: 'createVolume'; readonly request: VolumeCreateRequest }
  | { readonly kind: 'removeVolume'; readonly name: string; readonly ifUnused: boolean }
  | { readonly kind: 'removeImage'; readonly reference: string }
  | { readonly kind: 'createContainer'; readonly createName: string; readonly spec: ContainerSpec }
  | { readonly kind: 'renameContainer'; readonly container: ContainerRef }
  | { readonly kind: 'startContainer'; readonly container: ContainerRef }
  | {
      readonly kind: 'stopContainer'
      readonly container: ContainerRef
      readonly timeoutSeconds?: number
      /** Part of a replacement, which tells its own progress. */
      readonly replaced?: true
    }
  | {
      readonly kind: 'removeContainer'
      readonly container: ContainerRef
      /** Anonymous volumes too. */
      readonly volumes: boolean
      readonly replaced?: true
    }
  | {
      readonly kind: 'waitDependency'
      readonly service: string
      readonly containers: readonly ContainerRef[]
      readonly condition: WaitCondition
      /** false: failing is a warning, and what comes after goes on. */
      readonly required: boolean
      readonly timeoutMs?: number
    }

export type Operation = Work & {
  /** From 1, in an order in which they could run one by one. */
  readonly id: number
  /** Ids of operations that come first. */
  readonly after: readonly number[]
  /** "Container p-web-1" */
  readonly resource: string
  /** "config hash diverged" */
  readonly cause: string
}

export interface Plan {
  readonly operations: readonly Operation[]
  /** Names of containers that run and stay as they are, sorted. */
  readonly unchanged: readonly string[]
  /** Told to the user before anything is done. */
  readonly warnings: readonly string[]
}

const VERBS: Readonly<Record<Work['kind'], string>> = {
  createNetwork: 'create',
  removeNetwork: 'remove',
  connectNetwork: 'connect',
  disconnectNetwork: 'disconnect',
  createVolume: 'create',
  removeVolume: 'remove',
  removeImage: 'remove',
  createContainer: 'create',
  renameContainer: 'rename',
  startContainer: 'start',
  stopContainer: 'stop',
  removeContainer: 'remove',
  waitDependency: 'wait',
}

/** One line per operation, `[deps] -> #id resource, operation, cause`; "" when there is nothing to do. */
export function formatPlan(plan: Plan): string {
  return plan.operations.map((operation) => `${formatOperation(operation)}\n`).join('')
}

function formatOperation(operation: Operation): string {
  const { id, after, resource, cause } = operation
  return `[${after.join(',')}] -> #${id} ${resource}, ${describe(operation)}, ${cause}`
}

function describe(operation: Operation): string {
  const verb = VERBS[operation.kind]
  if (operation.kind === 'createContainer' && operation.createName !== operation.spec.name) {
    return `${verb} as ${operation.createName}`
  }
  if (operation.kind === 'waitDependency') {
    return `${verb} for ${operation.condition}${operation.required ? '' : ' (optional)'}`
  }
  if (operation.kind === 'connectNetwork') return `${verb} to ${operation.network}`
  if (operation.kind === 'disconnectNetwork') return `${verb} from ${operation.network}`
  if (operation.kind === 'removeContainer' && operation.volumes) return `${verb} with anonymous volumes`
  return verb
}

/** Collects operations and numbers them; `add` returns the id for later `after`s. */
export interface PlanBuilder {
  add(
    work: Work,
    about: { readonly resource: string; readonly cause: string; readonly after?: Iterable<number> },
  ): number
  warn(text: string): void
  /** Of an operation that was added. */
  causeOf(id: number): string | undefined
  build(unchanged?: Iterable<string>): Plan
}

export function createPlanBuilder(): PlanBuilder {
  const operations: Operation[] = []
  const warnings: string[] = []
  return {
    add(work, { resource, cause, after = [] }) {
      const id = operations.length + 1
      operations.push({ ...work, id, after: [...new Set(after)].toSorted((a, b) => a - b), resource, cause })
      return id
    },
    warn: (text) => void warnings.push(text),
    causeOf: (id) => operations[id - 1]?.cause,
    build: (unchanged = []) => ({ operations, unchanged: [...unchanged].toSorted(), warnings }),
  }
}
