/** Privileges, namespaces, devices and kernel settings of a service. Pure. */
import type { DeviceRequest as ApiDeviceRequest, HostConfig } from '../../api/types/index.ts'
import type { DeviceRequest } from '../../compose/model-deploy.ts'
import type { Device, Service } from '../../compose/model.ts'
import { present } from './present.ts'

export interface SecurityInput {
  /** Absolute path of a seccomp profile -> its text: the API takes the profile itself. */
  readonly seccompProfiles: Readonly<Record<string, string>>
  /** "service:X" -> container id. */
  readonly references: Readonly<Record<string, string>>
}

export function toSecurity(service: Service, input: SecurityInput): Partial<HostConfig> {
  const { references } = input
  const deviceRequests = toDeviceRequests(service)
  return present<Partial<HostConfig>>({
    Privileged: service.privileged,
    CapAdd: service.capAdd,
    CapDrop: service.capDrop,
    SecurityOpt: service.securityOpt?.map((option) => inlineProfile(option, input.seccompProfiles)),
    Sysctls: service.sysctls,
    GroupAdd: service.groupAdd,
    IpcMode: resolveNamespace(service.ipc, references),
    PidMode: resolveNamespace(service.pid, references),
    UTSMode: resolveNamespace(service.uts, references),
    UsernsMode: service.usernsMode,
    CgroupnsMode: service.cgroup,
    CgroupParent: service.cgroupParent,
    Runtime: service.runtime,
    Devices: service.devices?.filter((device) => !isCdi(device)).map(toDevice),
    DeviceCgroupRules: service.deviceCgroupRules,
    DeviceRequests: deviceRequests.length > 0 ? deviceRequests : undefined,
    Annotations: service.annotations,
  })
}

/** "service:X" becomes "container:<id>"; everything else stays. */
export function resolveNamespace(
  mode: string | undefined,
  references: Readonly<Record<string, string>>,
): string | undefined {
  if (mode?.startsWith('service:') !== true) return mode
  const id = references[mode]
  return id === undefined ? mode : `container:${id}`
}

/** The file that a `seccomp=` (or older `seccomp:`) option names, or undefined for "unconfined", "builtin" and others. */
export function seccompProfilePath(option: string): string | undefined {
  const path = /^seccomp[=:](.+)$/.exec(option)?.[1]
  return path === undefined || path === 'unconfined' || path === 'builtin' ? undefined : path
}

function inlineProfile(option: string, profiles: Readonly<Record<string, string>>): string {
  const path = seccompProfilePath(option)
  const profile = path === undefined ? undefined : profiles[path]
  return profile === undefined ? option : `seccomp=${profile}`
}

/** A CDI name "vendor/class=name" is no path. */
function isCdi(device: Device): boolean {
  return !device.source.startsWith('/') && device.source.includes('=')
}

function toDevice(device: Device): { PathOnHost: string; PathInContainer: string; CgroupPermissions: string } {
  return { PathOnHost: device.source, PathInContainer: device.target, CgroupPermissions: device.permissions }
}

function toDeviceRequests(service: Service): readonly ApiDeviceRequest[] {
  const cdi = service.devices?.filter(isCdi).map(({ source }) => source) ?? []
  return [
    ...(service.deploy?.resources?.reservations?.devices ?? []).map((request) => toDeviceRequest(request, [])),
    ...(service.gpus ?? []).map((request) => toDeviceRequest(request, ['gpu'])),
    ...(cdi.length > 0 ? [{ Driver: 'cdi', DeviceIDs: cdi }] : []),
  ]
}

function toDeviceRequest(request: DeviceRequest, extra: readonly string[]): ApiDeviceRequest {
  const { deviceIds, driver, options } = request
  return present<ApiDeviceRequest>({
    Driver: driver,
    Count: request.count ?? (deviceIds === undefined ? -1 : undefined),
    DeviceIDs: deviceIds,
    Capabilities: [[...new Set([...(request.capabilities ?? []), ...extra])]],
    Options: options,
  })
}
