/**
 * A service -> the body of POST /containers/create: joins the translations of the single concerns. Pure; what is known
 * only when the plan runs (ids) comes in through `ids`.
 */
import type { ContainerConfig, ContainerCreateRequest, HostConfig } from '../../api/types/index.ts'
import type { Project } from '../../compose/model.ts'
import { serviceHash } from '../../compose/hash.ts'
import { containerLabels } from '../labels.ts'
import { imageReference } from '../names.ts'
import type { ContainerSpec } from '../plan.ts'
import { contentHash } from './files.ts'
import { toLimits } from './limits.ts'
import { toMounts } from './mounts.ts'
import { toNetworking } from './networks.ts'
import { toExposedPorts, toPortBindings } from './ports.ts'
import { present } from './present.ts'
import { toLogConfig, toProcess, toRestartPolicy } from './process.ts'
import { toSecurity } from './security.ts'

export interface TranslateInput {
  readonly project: Project
  readonly spec: ContainerSpec
  /** "service:X" -> container id, for all of spec.references. */
  readonly references: Readonly<Record<string, string>>
  readonly seccompProfiles: Readonly<Record<string, string>>
  readonly version: string
}

export function toCreateRequest(input: TranslateInput): ContainerCreateRequest {
  const { project, spec, references } = input
  const { service } = spec
  const networking = toNetworking({
    project,
    service,
    references,
    containerName: spec.name,
    linked: spec.linked,
    ownNameOnly: spec.oneOff?.useAliases === false,
  })
  const ports = toExposedPorts(service)
  return {
    ...toProcess(service),
    ...(spec.oneOff?.attachStdin === true ? { AttachStdin: true, StdinOnce: true } : {}),
    ...(Object.keys(ports).length > 0 ? { ExposedPorts: ports } : {}),
    Image: imageReference(project.name, service),
    Labels: containerLabels({
      project,
      service,
      number: spec.number,
      slug: spec.oneOff?.slug,
      configHash: serviceHash(service, references),
      contentHash: contentHash(project, service),
      imageDigest: spec.imageId,
      replaces: spec.replaces?.name,
      version: input.version,
    }),
    HostConfig: toHostConfig(input, networking.networkMode),
    ...(Object.keys(networking.endpoints).length > 0
      ? { NetworkingConfig: { EndpointsConfig: networking.endpoints } }
      : {}),
  } satisfies ContainerConfig & ContainerCreateRequest
}

function toHostConfig(input: TranslateInput, networkMode: string): HostConfig {
  const { spec, references } = input
  const { service, inheritedVolumes, oneOff } = spec
  const bindings = toPortBindings(service)
  return present<Partial<HostConfig>>({
    NetworkMode: networkMode,
    PortBindings: Object.keys(bindings).length > 0 ? bindings : undefined,
    ConsoleSize: oneOff?.consoleSize,
    RestartPolicy: oneOff === undefined ? toRestartPolicy(service) : undefined,
    AutoRemove: oneOff?.autoRemove === true ? true : undefined,
    Dns: service.dns,
    DnsOptions: service.dnsOpt,
    DnsSearch: service.dnsSearch,
    ExtraHosts: service.extraHosts?.map(({ host, ip }) => `${host}:${ip}`),
    ReadonlyRootfs: service.readOnly,
    ShmSize: service.shmSize,
    StorageOpt: service.storageOpt,
    Init: service.init,
    LogConfig: toLogConfig(service),
    ...toMounts({ project: input.project, service, inheritedVolumes, references }),
    ...toLimits(service),
    ...toSecurity(service, { seccompProfiles: input.seccompProfiles, references }),
  })
}
