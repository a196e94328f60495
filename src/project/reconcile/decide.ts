/**
 * Whether a container still is what the model wants, and why not: the recreate decision of docker compose
 * (reference: docs "config hash", pkg/compose/convergence). Pure.
 */
import type { Project, Service } from '../../compose/model.ts'
import { serviceHash } from '../../compose/hash.ts'
import { LABEL } from '../labels.ts'
import { imageReference } from '../names.ts'
import type { Observed, ObservedContainer } from '../observe.ts'
import { contentHash } from '../translate/files.ts'
import { networkName } from '../translate/networks.ts'

export type RecreatePolicy = 'force' | 'diverged' | 'never'

export interface DecideInput {
  readonly project: Project
  readonly observed: Observed
  readonly policy: RecreatePolicy
  readonly replacedVolumes: ReadonlySet<string>
  /** "service:X" -> id of the container that it means now; absent when X has none. */
  readonly references: Readonly<Record<string, string>>
  /** Services whose containers are made anew. */
  readonly recreatedServices: ReadonlySet<string>
}

/** The reason to recreate, or undefined to keep. */
export function recreateCause(container: ObservedContainer, service: Service, input: DecideInput): string | undefined {
  const { policy } = input
  // a volume that is made anew cannot stay mounted, whatever the policy
  const lost = container.mounts.find((mount) => mount.Name !== undefined && input.replacedVolumes.has(mount.Name))
  if (lost !== undefined) return `volume ${lost.Name} is replaced`
  if (policy === 'never') return undefined
  if (policy === 'force') return 'forced'
  return (
    parentCause(service, input) ??
    hashCause(container, service, input) ??
    imageCause(container, service, input) ??
    networkCause(container, service, input) ??
    volumeCause(container, service, input)
  )
}

/** "service:X" of the namespaces and volumes_from, without repeats. */
export function serviceReferences(service: Service): readonly string[] {
  const modes = [service.networkMode, service.ipc, service.pid, service.uts, service.cgroup]
  const volumes = (service.volumesFrom ?? [])
    .filter(({ kind }) => kind === 'service')
    .map(({ name }) => `service:${name}`)
  return [...new Set([...modes.filter((mode) => mode?.startsWith('service:') === true), ...volumes])].filter(
    (mode) => mode !== undefined,
  )
}

function parentCause(service: Service, { recreatedServices }: DecideInput): string | undefined {
  const parent = serviceReferences(service)
    .map((reference) => reference.slice('service:'.length))
    .find((name) => recreatedServices.has(name))
  return parent === undefined ? undefined : `shares namespaces or volumes with ${parent}, which is recreated`
}

function hashCause(container: ObservedContainer, service: Service, input: DecideInput): string | undefined {
  if (container.configHash !== serviceHash(service, input.references)) return 'config hash diverged'
  const content = contentHash(input.project, service)
  return (container.labels[LABEL.contentHash] ?? undefined) === content
    ? undefined
    : 'content of secrets or configs changed'
}

function imageCause(container: ObservedContainer, service: Service, input: DecideInput): string | undefined {
  const now = input.observed.images.get(imageReference(input.project.name, service))
  return now === undefined || now === container.imageId ? undefined : 'image changed'
}

function networkCause(container: ObservedContainer, service: Service, input: DecideInput): string | undefined {
  const missing = Object.keys(service.networks)
    .map((key) => networkName(input.project, key))
    .find((name) => !container.networks.includes(name))
  return missing === undefined ? undefined : `not attached to network ${missing}`
}

function volumeCause(container: ObservedContainer, service: Service, input: DecideInput): string | undefined {
  const mounted = new Set(container.mounts.map((mount) => mount.Name))
  const missing = service.volumes
    .flatMap((volume) => (volume.type === 'volume' && volume.source !== undefined ? [volume.source] : []))
    .map((key) => input.project.volumes[key]?.name ?? key)
    .find((name) => !mounted.has(name))
  return missing === undefined ? undefined : `volume ${missing} is not mounted`
}
