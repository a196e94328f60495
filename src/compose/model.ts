/**
 * The loaded project: every attribute in ONE canonical form, whatever syntax the file used. Keys are those of the
 * Compose Specification in camelCase; the printer turns them back. Everything is readonly and plain data.
 * An absent optional attribute was not set in any file. Units: durations are nanoseconds, sizes are bytes,
 * unless said otherwise. The parts of services are in the files beside this one. Types only.
 */
import type { BuildConfig } from './model-build.ts'
import type { DeployConfig, DeviceRequest } from './model-deploy.ts'
import type { Device, EnvFile, FileObject, ServiceFile, ServiceVolume, Volume, VolumesFrom } from './model-files.ts'
import type { ExtraHost, Link, Network, Port, ServiceNetwork } from './model-network.ts'
import type {
  BlkioConfig,
  CredentialSpec,
  Develop,
  Healthcheck,
  Hook,
  Logging,
  PreStartHook,
  Provider,
  RestartPolicy,
  Ulimit,
} from './model-process.ts'

export type {
  BindMount,
  Device,
  EnvFile,
  FileObject,
  ServiceFile,
  ServiceVolume,
  Volume,
  VolumeMount,
  VolumesFrom,
} from './model-files.ts'
export type { ExtraHost, Link, Network, Port, ServiceNetwork } from './model-network.ts'
export type {
  BlkioConfig,
  BlkioRate,
  CredentialSpec,
  Develop,
  Healthcheck,
  Hook,
  Logging,
  PreStartHook,
  Provider,
  RestartPolicy,
  Ulimit,
} from './model-process.ts'

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

export type DependencyCondition = 'service_started' | 'service_healthy' | 'service_completed_successfully'

export interface Dependency {
  readonly condition: DependencyCondition
  /** Restart this service when Compose restarts or recreates the dependency. */
  readonly restart: boolean
  /** false: a missing or failing dependency is a warning only. */
  readonly required: boolean
  readonly extensions?: Extensions
}

export interface ServiceModel {
  readonly endpointVar?: string
  readonly modelVar?: string
  readonly extensions?: Extensions
}

export interface Model {
  readonly model: string
  readonly name?: string
  readonly contextSize?: number
  readonly runtimeFlags?: readonly string[]
  readonly extensions?: Extensions
}
