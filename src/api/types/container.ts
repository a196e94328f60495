/**
 * Containers in the Docker Engine API (v1.51): what a client sends and what the engine answers. Field names and
 * units are the API's own. Types only.
 */
import type { EndpointSettings } from './network.ts'

export interface HealthConfig {
  /** `[]` inherit, `["NONE"]`, `["CMD", ...]`, `["CMD-SHELL", "..."]`. */
  readonly Test?: readonly string[]
  /** Nanoseconds; 0 or absent: inherit, then the default. */
  readonly Interval?: number
  readonly Timeout?: number
  readonly StartPeriod?: number
  readonly StartInterval?: number
  readonly Retries?: number
}

/** The portable part of a container's configuration; images carry the same shape. */
export interface ContainerConfig {
  readonly Hostname?: string
  readonly Domainname?: string
  readonly User?: string
  readonly AttachStdin?: boolean
  readonly AttachStdout?: boolean
  readonly AttachStderr?: boolean
  /** Keys "80/tcp". */
  readonly ExposedPorts?: Readonly<Record<string, object>>
  readonly Tty?: boolean
  readonly OpenStdin?: boolean
  readonly StdinOnce?: boolean
  /** "K=V"; "K" alone removes the image's K. */
  readonly Env?: readonly string[]
  /** null: the image's; []: none. */
  readonly Cmd?: readonly string[] | null
  readonly Entrypoint?: readonly string[] | null
  readonly Healthcheck?: HealthConfig
  readonly Image?: string
  /** Paths of anonymous volumes. */
  readonly Volumes?: Readonly<Record<string, object>>
  readonly WorkingDir?: string
  readonly Labels?: Readonly<Record<string, string>>
  readonly StopSignal?: string
  /** Seconds; -1 for ever. */
  readonly StopTimeout?: number
  readonly Shell?: readonly string[]
}

/** One path that a container changed. */
export interface ContainerChange {
  readonly Path: string
  /** 0 modified, 1 added, 2 deleted. */
  readonly Kind: number
}

export interface PortBinding {
  /** "" means all addresses. */
  readonly HostIp?: string
  /** "" random, "8080", or "8000-8010" (first free). */
  readonly HostPort?: string
}

export interface RestartPolicy {
  readonly Name: '' | 'no' | 'always' | 'unless-stopped' | 'on-failure'
  readonly MaximumRetryCount?: number
}

export interface Mount {
  readonly Type: 'bind' | 'volume' | 'tmpfs' | 'image'
  /** Host path, volume name ("" or absent: anonymous), or image. */
  readonly Source?: string
  readonly Target: string
  readonly ReadOnly?: boolean
  readonly Consistency?: string
  readonly BindOptions?: {
    readonly Propagation?: string
    readonly NonRecursive?: boolean
    readonly CreateMountpoint?: boolean
    readonly ReadOnlyNonRecursive?: boolean
    readonly ReadOnlyForceRecursive?: boolean
  }
  readonly VolumeOptions?: {
    readonly NoCopy?: boolean
    readonly Labels?: Readonly<Record<string, string>>
    readonly DriverConfig?: { readonly Name?: string; readonly Options?: Readonly<Record<string, string>> }
    readonly Subpath?: string
  }
  readonly TmpfsOptions?: { readonly SizeBytes?: number; readonly Mode?: number }
  readonly ImageOptions?: { readonly Subpath?: string }
}

export interface DeviceMapping {
  readonly PathOnHost: string
  readonly PathInContainer: string
  readonly CgroupPermissions: string
}

/** Devices by what they can do, or with Driver "cdi" by name. */
export interface DeviceRequest {
  readonly Driver?: string
  /** -1: all. */
  readonly Count?: number
  readonly DeviceIDs?: readonly string[] | null
  /** Any of the lists; "gpu" and others. */
  readonly Capabilities?: readonly (readonly string[])[] | null
  readonly Options?: Readonly<Record<string, string>> | null
}

export interface Ulimit {
  readonly Name: string
  readonly Soft: number
  readonly Hard: number
}

/** The part that depends on the host: resources, mounts, namespaces. */
export interface HostConfig {
  /** Rows and columns of the terminal at its start; a later resize counts more. */
  readonly ConsoleSize?: readonly [number, number] | null
  /** "SRC:DST[:opts]". */
  readonly Binds?: readonly string[] | null
  readonly Mounts?: readonly Mount[]
  readonly NetworkMode?: string
  readonly PortBindings?: Readonly<Record<string, readonly PortBinding[]>> | null
  readonly PublishAllPorts?: boolean
  readonly RestartPolicy?: RestartPolicy
  readonly AutoRemove?: boolean
  readonly VolumesFrom?: readonly string[] | null
  readonly CapAdd?: readonly string[] | null
  readonly CapDrop?: readonly string[] | null
  readonly CgroupnsMode?: '' | 'private' | 'host'
  readonly Dns?: readonly string[] | null
  readonly DnsOptions?: readonly string[] | null
  readonly DnsSearch?: readonly string[] | null
  /** "name:ip". */
  readonly ExtraHosts?: readonly string[] | null
  readonly GroupAdd?: readonly string[] | null
  readonly IpcMode?: string
  readonly PidMode?: string
  readonly UTSMode?: string
  readonly UsernsMode?: string
  readonly Links?: readonly string[] | null
  readonly OomScoreAdj?: number
  readonly Privileged?: boolean
  readonly ReadonlyRootfs?: boolean
  readonly SecurityOpt?: readonly string[] | null
  readonly StorageOpt?: Readonly<Record<string, string>> | null
  /** path -> mount options. */
  readonly Tmpfs?: Readonly<Record<string, string>>
  readonly ShmSize?: number
  readonly Sysctls?: Readonly<Record<string, string>>
  readonly Runtime?: string
  readonly Init?: boolean | null
  readonly LogConfig?: { readonly Type?: string; readonly Config?: Readonly<Record<string, string>> | null }
  readonly CpuShares?: number
  readonly Memory?: number
  readonly NanoCpus?: number
  readonly CgroupParent?: string
  readonly BlkioWeight?: number
  readonly BlkioWeightDevice?: readonly { readonly Path: string; readonly Weight: number }[] | null
  readonly BlkioDeviceReadBps?: readonly { readonly Path: string; readonly Rate: number }[] | null
  readonly BlkioDeviceWriteBps?: readonly { readonly Path: string; readonly Rate: number }[] | null
  readonly BlkioDeviceReadIOps?: readonly { readonly Path: string; readonly Rate: number }[] | null
  readonly BlkioDeviceWriteIOps?: readonly { readonly Path: string; readonly Rate: number }[] | null
  readonly CpuPeriod?: number
  readonly CpuQuota?: number
  readonly CpuRealtimePeriod?: number
  readonly CpuRealtimeRuntime?: number
  readonly CpusetCpus?: string
  readonly CpusetMems?: string
  readonly Devices?: readonly DeviceMapping[] | null
  readonly DeviceCgroupRules?: readonly string[] | null
  readonly DeviceRequests?: readonly DeviceRequest[] | null
  readonly MemoryReservation?: number
  readonly MemorySwap?: number
  readonly MemorySwappiness?: number | null
  readonly OomKillDisable?: boolean | null
  readonly PidsLimit?: number | null
  readonly Ulimits?: readonly Ulimit[] | null
  readonly Annotations?: Readonly<Record<string, string>>
}

/** Body of `POST /containers/create?name=&platform=`. */
export interface ContainerCreateRequest extends ContainerConfig {
  readonly HostConfig?: HostConfig
  readonly NetworkingConfig?: { readonly EndpointsConfig?: Readonly<Record<string, EndpointSettings>> }
}

/** Body of `POST /containers/ID/update`: a zero, "" or null leaves the value as it is. */
export type ContainerUpdateRequest = Pick<
  HostConfig,
  | 'BlkioWeight'
  | 'CpuPeriod'
  | 'CpuQuota'
  | 'CpuRealtimePeriod'
  | 'CpuRealtimeRuntime'
  | 'CpuShares'
  | 'CpusetCpus'
  | 'CpusetMems'
  | 'Memory'
  | 'MemoryReservation'
  | 'MemorySwap'
  | 'NanoCpus'
  | 'PidsLimit'
  | 'RestartPolicy'
>

export interface ContainerCreateResponse {
  readonly Id: string
  readonly Warnings: readonly string[]
}

export type ContainerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead'

export interface HealthLogEntry {
  readonly Start: string
  readonly End: string
  readonly ExitCode: number
  readonly Output: string
}

export interface Health {
  readonly Status: 'none' | 'starting' | 'healthy' | 'unhealthy'
  readonly FailingStreak: number
  readonly Log: readonly HealthLogEntry[]
}

export interface ContainerState {
  readonly Status: ContainerStatus
  readonly Running: boolean
  readonly Paused: boolean
  readonly Restarting: boolean
  readonly OOMKilled: boolean
  readonly Dead: boolean
  readonly Pid: number
  readonly ExitCode: number
  readonly Error: string
  /** RFC 3339 with nanoseconds; "0001-01-01T00:00:00Z" for never. */
  readonly StartedAt: string
  readonly FinishedAt: string
  readonly Health?: Health
}

/** One mount as inspect and list show it. */
export interface MountPoint {
  readonly Type: 'bind' | 'volume' | 'tmpfs' | 'image'
  readonly Name?: string
  readonly Source: string
  readonly Destination: string
  readonly Driver?: string
  readonly Mode: string
  readonly RW: boolean
  readonly Propagation: string
}

export interface ContainerInspect {
  readonly Id: string
  readonly Created: string
  readonly Path: string
  readonly Args: readonly string[]
  readonly State: ContainerState
  /** Image id "sha256:...". */
  readonly Image: string
  readonly ResolvConfPath: string
  readonly HostnamePath: string
  readonly HostsPath: string
  readonly LogPath: string
  /** With a leading "/". */
  readonly Name: string
  readonly RestartCount: number
  readonly Driver: string
  readonly Platform: string
  readonly MountLabel: string
  readonly ProcessLabel: string
  readonly AppArmorProfile: string
  readonly ExecIDs: readonly string[] | null
  readonly HostConfig: HostConfig
  readonly GraphDriver: { readonly Name: string; readonly Data: Readonly<Record<string, string>> }
  readonly SizeRw?: number
  readonly SizeRootFs?: number
  readonly Mounts: readonly MountPoint[]
  readonly Config: ContainerConfig
  readonly NetworkSettings: {
    readonly SandboxID: string
    readonly SandboxKey: string
    /** "80/tcp" -> bindings, or null when exposed and not published. Empty until started. */
    readonly Ports: Readonly<Record<string, readonly { HostIp: string; HostPort: string }[] | null>>
    readonly Networks: Readonly<Record<string, EndpointSettings>>
  }
}

export interface PublishedPort {
  readonly IP?: string
  readonly PrivatePort: number
  readonly PublicPort?: number
  readonly Type: 'tcp' | 'udp' | 'sctp'
}

/** One element of `GET /containers/json`. */
export interface ContainerSummary {
  readonly Id: string
  readonly Names: readonly string[]
  readonly Image: string
  readonly ImageID: string
  readonly Command: string
  /** Unix seconds. */
  readonly Created: number
  readonly Ports: readonly PublishedPort[]
  readonly SizeRw?: number
  readonly SizeRootFs?: number
  readonly Labels: Readonly<Record<string, string>>
  readonly State: ContainerStatus
  /** Ours: a stop that a user has asked for is under way. A start waits for it. */
  readonly Stopping?: boolean
  /** "Up 3 minutes (healthy)", "Exited (0) 2 seconds ago". */
  readonly Status: string
  readonly HostConfig: { readonly NetworkMode: string }
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, EndpointSettings>> }
  readonly Mounts: readonly MountPoint[]
}

export interface WaitResponse {
  readonly StatusCode: number
  readonly Error?: { readonly Message: string }
}

/** Body of `POST /containers/ID/exec`. */
export interface ExecCreateRequest {
  readonly AttachStdin?: boolean
  readonly AttachStdout?: boolean
  readonly AttachStderr?: boolean
  readonly DetachKeys?: string
  readonly Tty?: boolean
  readonly Env?: readonly string[]
  readonly Cmd: readonly string[]
  readonly Privileged?: boolean
  readonly User?: string
  readonly WorkingDir?: string
  readonly ConsoleSize?: readonly [number, number]
}

/** Body of `POST /exec/ID/start`. */
export interface ExecStartRequest {
  readonly Detach?: boolean
  readonly Tty?: boolean
  readonly ConsoleSize?: readonly [number, number]
}

export interface ExecInspect {
  readonly ID: string
  readonly Running: boolean
  readonly ExitCode: number | null
  readonly Pid: number
  readonly ContainerID: string
  readonly OpenStdin: boolean
  readonly OpenStdout: boolean
  readonly OpenStderr: boolean
  readonly CanRemove: boolean
  readonly DetachKeys: string
  readonly ProcessConfig: {
    readonly tty: boolean
    readonly entrypoint: string
    readonly arguments: readonly string[]
    readonly privileged: boolean
    readonly user?: string
  }
}
