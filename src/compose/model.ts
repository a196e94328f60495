/**
 * The loaded project: every attribute in ONE canonical form, whatever syntax the file used. Keys are those of the
 * Compose Specification in camelCase; the printer turns them back. Everything is readonly and plain data.
 * An absent optional attribute was not set in any file. Units: durations are nanoseconds, sizes are bytes,
 * unless said otherwise. Types only.
 */
import type { BuildConfig } from './model-build.ts'
import type { DeployConfig, DeviceRequest } from './model-deploy.ts'

/** Keys starting with "x-", untouched. */
export type Extensions = Readonly<Record<string, unknown>>

export interface Project {
  /** Normalised: [a-z0-9][a-z0-9_-]*. */
  readonly name: string
  /** Absolute; relative paths of the file are relative to it. */
  readonly workingDir: string
  /** Absolute, in the order of merging; "-" is standard input. */
  readonly composeFiles: readonly string[]
  /** Absolute paths of the files named by --env-file or COMPOSE_ENV_FILES; empty when `.env` was read by default. */
  readonly envFiles: readonly string[]
  /** What ${VAR} saw: the shell, then the .env files, and COMPOSE_PROJECT_NAME. */
  readonly environment: Readonly<Record<string, string>>
  /** Active profiles. */
  readonly profiles: readonly string[]
  /** The enabled (and selected) services, sorted by name. */
  readonly services: Readonly<Record<string, Service>>
  /** Those of inactive profiles, and those not selected. */
  readonly disabledServices: Readonly<Record<string, Service>>
  /** All declared ones that an enabled service uses (or all, with `allResources`). */
  readonly networks: Readonly<Record<string, Network>>
  readonly volumes: Readonly<Record<string, Volume>>
  readonly secrets: Readonly<Record<string, FileObject>>
  readonly configs: Readonly<Record<string, FileObject>>
  readonly models: Readonly<Record<string, Model>>
  readonly extensions: Extensions
}

export interface Service {
  readonly name: string
  // --- always present, maybe empty
  /** null: the image's; []: none. */
  readonly command: readonly string[] | null
  readonly entrypoint: readonly string[] | null
  /** env_file and environment merged and resolved. null: explicitly unset, also if the image sets it. */
  readonly environment: Readonly<Record<string, string | null>>
  /** label_file and labels merged. */
  readonly labels: Readonly<Record<string, string>>
  /** Declared and implicit (links, network_mode, ipc, pid, uts, cgroup, volumes_from). */
  readonly dependsOn: Readonly<Record<string, Dependency>>
  /** Ranges are expanded, but for a host range with one target (published "8000-8010": first free). */
  readonly ports: readonly Port[]
  /** "80", "80/udp", "8000-8010"; protocol kept as written. */
  readonly expose: readonly string[]
  readonly volumes: readonly ServiceVolume[]
  /** Network key -> endpoint options, null when none. Empty when `networkMode` is set. */
  readonly networks: Readonly<Record<string, ServiceNetwork | null>>
  readonly secrets: readonly ServiceFile[]
  readonly configs: readonly ServiceFile[]
  readonly profiles: readonly string[]
  readonly extensions: Extensions
  /** With `config --no-env-resolution` only: not read, so not in `environment`. */
  readonly envFile?: readonly EnvFile[]
  readonly labelFile?: readonly string[]
  // --- where it comes from
  readonly image?: string
  readonly build?: BuildConfig
  /** always|never|missing|build|daily|weekly|every_<duration>; if_not_present reads as missing. */
  readonly pullPolicy?: string
  readonly pullRefreshAfter?: string
  readonly platform?: string
  readonly runtime?: string
  readonly provider?: Provider
  readonly containerName?: string
  readonly scale?: number
  readonly deploy?: DeployConfig
  readonly develop?: Develop
  /** false: not followed by `up` and `logs` unless named. */
  readonly attach?: boolean
  readonly annotations?: Readonly<Record<string, string>>
  // --- the process
  readonly user?: string
  readonly groupAdd?: readonly string[]
  readonly workingDir?: string
  readonly init?: boolean
  readonly stdinOpen?: boolean
  readonly tty?: boolean
  readonly stopSignal?: string
  /** Nanoseconds. */
  readonly stopGracePeriod?: number
  readonly restart?: RestartPolicy
  readonly healthcheck?: Healthcheck
  readonly logging?: Logging
  readonly postStart?: readonly Hook[]
  readonly preStop?: readonly Hook[]
  readonly preStart?: readonly PreStartHook[]
  // --- network
  /** "none", "host", "bridge", "service:X", "container:X". */
  readonly networkMode?: string
  readonly hostname?: string
  readonly domainname?: string
  readonly macAddress?: string
  readonly dns?: readonly string[]
  readonly dnsSearch?: readonly string[]
  readonly dnsOpt?: readonly string[]
  readonly extraHosts?: readonly ExtraHost[]
  readonly links?: readonly Link[]
  readonly externalLinks?: readonly string[]
  // --- files
  readonly readOnly?: boolean
  /** "path[:options]". */
  readonly tmpfs?: readonly string[]
  readonly volumesFrom?: readonly VolumesFrom[]
  readonly shmSize?: number
  readonly storageOpt?: Readonly<Record<string, string>>
  readonly devices?: readonly Device[]
  // --- isolation
  readonly privileged?: boolean
  readonly capAdd?: readonly string[]
  readonly capDrop?: readonly string[]
  readonly securityOpt?: readonly string[]
  readonly ipc?: string
  readonly pid?: string
  readonly uts?: string
  readonly usernsMode?: string
  readonly cgroup?: 'host' | 'private'
  readonly cgroupParent?: string
  readonly deviceCgroupRules?: readonly string[]
  readonly isolation?: string
  readonly credentialSpec?: CredentialSpec
  readonly sysctls?: Readonly<Record<string, string>>
  readonly ulimits?: Readonly<Record<string, Ulimit>>
  // --- limits
  readonly memLimit?: number
  readonly memReservation?: number
  /** -1 unlimited. */
  readonly memswapLimit?: number
  readonly memSwappiness?: number
  readonly oomKillDisable?: boolean
  readonly oomScoreAdj?: number
  readonly pidsLimit?: number
  /** Fractions of a CPU: 1.5. */
  readonly cpus?: number
  readonly cpuShares?: number
  /** Microseconds. */
  readonly cpuPeriod?: number
  readonly cpuQuota?: number
  readonly cpuRtPeriod?: number
  readonly cpuRtRuntime?: number
  readonly cpuCount?: number
  readonly cpuPercent?: number
  readonly cpuset?: string
  readonly blkioConfig?: BlkioConfig
  readonly gpus?: readonly DeviceRequest[]
  readonly models?: Readonly<Record<string, ServiceModel | null>>
  readonly useApiSocket?: boolean
}

export interface EnvFile {
  /** Absolute. */
  readonly path: string
  readonly required?: boolean
  readonly format?: string
}

export type DependencyCondition = 'service_started' | 'service_healthy' | 'service_completed_successfully'

export interface Dependency {
  readonly condition: DependencyCondition
  /** Restart this service when Compose restarts or recreates the dependency. */
  readonly restart: boolean
  /** false: a missing or failing dependency is a warning only. */
  readonly required: boolean
}

export interface Port {
  /** Container port. */
  readonly target: number
  /** "8080", or "8000-8010" for the first free one; absent: a random host port. */
  readonly published?: string
  /** Absent: all addresses. IPv6 without brackets. */
  readonly hostIp?: string
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  readonly mode: 'ingress' | 'host'
  readonly name?: string
  readonly appProtocol?: string
  readonly extensions?: Extensions
}

interface VolumeCommon {
  /** Absolute path in the container. */
  readonly target: string
  readonly readOnly?: boolean
  readonly consistency?: string
  readonly extensions?: Extensions
}

export interface BindMount extends VolumeCommon {
  readonly type: 'bind'
  /** Absolute host path. */
  readonly source: string
  readonly bind: {
    readonly propagation?: string
    readonly createHostPath: boolean
    readonly recursive?: 'enabled' | 'disabled' | 'writable' | 'readonly'
    readonly selinux?: 'z' | 'Z'
  }
}

export interface VolumeMount extends VolumeCommon {
  readonly type: 'volume'
  /** Key in the project's volumes; absent: an anonymous volume. */
  readonly source?: string
  readonly volume: {
    readonly nocopy?: boolean
    readonly subpath?: string
    readonly labels?: Readonly<Record<string, string>>
  }
}

export interface TmpfsMount extends VolumeCommon {
  readonly type: 'tmpfs'
  readonly tmpfs: { readonly size?: number; readonly mode?: number }
}

export interface ImageMount extends VolumeCommon {
  readonly type: 'image'
  /** Image reference, or the name of a service. */
  readonly source: string
  readonly image: { readonly subpath?: string }
}

/** npipe (Windows) and cluster (Swarm) volumes: loaded and printed, refused by `unsupportedAttributes`. */
export interface OtherMount extends VolumeCommon {
  readonly type: 'npipe' | 'cluster'
  readonly source?: string
}

export type ServiceVolume = BindMount | VolumeMount | TmpfsMount | ImageMount | OtherMount

export interface ServiceNetwork {
  readonly aliases?: readonly string[]
  readonly interfaceName?: string
  readonly ipv4Address?: string
  readonly ipv6Address?: string
  readonly linkLocalIps?: readonly string[]
  readonly macAddress?: string
  readonly driverOpts?: Readonly<Record<string, string>>
  /** Highest one gives the default gateway. */
  readonly gwPriority?: number
  /** Order of connecting, highest first. */
  readonly priority?: number
  readonly extensions?: Extensions
}

/** A secret or config in a service. */
export interface ServiceFile {
  /** Key in the project's secrets or configs. */
  readonly source: string
  /** Absolute path in the container: /run/secrets/<source>, /<source>. */
  readonly target: string
  readonly uid?: string
  readonly gid?: string
  /** Permission bits; absent: 0o444. */
  readonly mode?: number
  readonly extensions?: Extensions
}

export interface Healthcheck {
  /** ["NONE"], ["CMD", ...], ["CMD-SHELL", "..."]; absent: the image's. */
  readonly test?: readonly string[] | null
  /** Nanoseconds, like the other durations here; absent: the image's, then the engine's default. */
  readonly interval?: number
  readonly timeout?: number
  readonly startPeriod?: number
  readonly startInterval?: number
  readonly retries?: number
  readonly disable?: boolean
  readonly extensions?: Extensions
}

export interface RestartPolicy {
  readonly name: 'no' | 'always' | 'on-failure' | 'unless-stopped'
  /** Of on-failure:N. */
  readonly maxRetries?: number
}

export interface Logging {
  readonly driver?: string
  readonly options?: Readonly<Record<string, string | null>>
  readonly extensions?: Extensions
}

export interface ExtraHost {
  readonly host: string
  /** Without brackets, or "host-gateway". */
  readonly ip: string
}

export interface Link {
  readonly service: string
  readonly alias: string
}

export interface VolumesFrom {
  readonly kind: 'service' | 'container'
  readonly name: string
  readonly readOnly: boolean
}

export interface Device {
  /** Host path, or a CDI name "vendor/class=name" with `target` the same. */
  readonly source: string
  readonly target: string
  /** Of "rwm". */
  readonly permissions: string
  readonly extensions?: Extensions
}

export interface Ulimit {
  readonly soft: number
  readonly hard: number
}

export interface Hook {
  readonly command: readonly string[]
  readonly user?: string
  readonly privileged?: boolean
  readonly workingDir?: string
  readonly environment?: Readonly<Record<string, string | null>>
  readonly extensions?: Extensions
}

export interface PreStartHook extends Hook {
  readonly image?: string
  readonly perReplica?: boolean
}

export interface Provider {
  readonly type: string
  readonly options?: Readonly<Record<string, readonly string[]>>
  readonly extensions?: Extensions
}

export interface CredentialSpec {
  readonly config?: string
  readonly file?: string
  readonly registry?: string
  readonly extensions?: Extensions
}

export interface BlkioRate {
  readonly path: string
  readonly rate: number
}

export interface BlkioConfig {
  readonly weight?: number
  readonly weightDevice?: readonly { readonly path: string; readonly weight: number }[]
  readonly deviceReadBps?: readonly BlkioRate[]
  readonly deviceWriteBps?: readonly BlkioRate[]
  readonly deviceReadIops?: readonly BlkioRate[]
  readonly deviceWriteIops?: readonly BlkioRate[]
}

export interface Develop {
  readonly watch?: readonly WatchRule[]
  readonly extensions?: Extensions
}

export interface WatchRule {
  /** Absolute. */
  readonly path: string
  readonly action: 'rebuild' | 'restart' | 'sync' | 'sync+restart' | 'sync+exec'
  readonly target?: string
  readonly ignore?: readonly string[]
  readonly include?: readonly string[]
  readonly initialSync?: boolean
  readonly exec?: Hook
  readonly extensions?: Extensions
}

export interface ServiceModel {
  readonly endpointVar?: string
  readonly modelVar?: string
}

// --- top-level resources

export interface Network {
  /** The real name: `name`, else the key if external, else <project>_<key>. */
  readonly name: string
  readonly external: boolean
  readonly driver?: string
  readonly driverOpts?: Readonly<Record<string, string>>
  readonly enableIpv4?: boolean
  readonly enableIpv6?: boolean
  readonly internal?: boolean
  readonly attachable?: boolean
  readonly labels?: Readonly<Record<string, string>>
  readonly ipam?: Ipam
  readonly extensions?: Extensions
}

export interface Ipam {
  readonly driver?: string
  readonly options?: Readonly<Record<string, string>>
  readonly config?: readonly IpamPool[]
  readonly extensions?: Extensions
}

export interface IpamPool {
  /** CIDR. */
  readonly subnet?: string
  readonly ipRange?: string
  readonly gateway?: string
  readonly auxAddresses?: Readonly<Record<string, string>>
  readonly extensions?: Extensions
}

export interface Volume {
  /** The real name, as for a network. */
  readonly name: string
  readonly external: boolean
  readonly driver?: string
  readonly driverOpts?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  readonly extensions?: Extensions
}

/** A secret or config of the project: exactly one of file, environment, content, external. */
export interface FileObject {
  readonly name: string
  readonly external: boolean
  /** Absolute path. */
  readonly file?: string
  /** Name of a variable of `Project.environment`. */
  readonly environment?: string
  /** Configs only. */
  readonly content?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly driver?: string
  readonly driverOpts?: Readonly<Record<string, string>>
  readonly templateDriver?: string
  readonly extensions?: Extensions
}

export interface Model {
  readonly model: string
  readonly name?: string
  readonly contextSize?: number
  readonly runtimeFlags?: readonly string[]
  readonly extensions?: Extensions
}
