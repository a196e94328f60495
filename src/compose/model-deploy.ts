/**
 * `services.X.deploy` in canonical form, and device requests (also `gpus`). Source: the Compose Deploy Specification.
 * Types only.
 */
import type { Extensions } from './model.ts'

export interface DeployConfig {
  readonly mode?: 'replicated' | 'global' | 'replicated-job' | 'global-job'
  readonly replicas?: number
  readonly endpointMode?: string
  /** Of the service, not of its containers. */
  readonly labels?: Readonly<Record<string, string>>
  readonly resources?: {
    readonly limits?: ResourceLimits
    readonly reservations?: ResourceReservations
    readonly extensions?: Extensions
  }
  readonly restartPolicy?: DeployRestartPolicy
  readonly placement?: {
    readonly constraints?: readonly string[]
    readonly preferences?: readonly { readonly spread?: string; readonly extensions?: Extensions }[]
    readonly maxReplicasPerNode?: number
    readonly extensions?: Extensions
  }
  readonly updateConfig?: UpdateConfig
  readonly rollbackConfig?: UpdateConfig
  readonly extensions?: Extensions
}

export interface ResourceLimits {
  readonly cpus?: number
  /** Bytes. */
  readonly memory?: number
  readonly pids?: number
  readonly extensions?: Extensions
}

export interface ResourceReservations {
  readonly cpus?: number
  /** Bytes. */
  readonly memory?: number
  readonly genericResources?: readonly {
    readonly discreteResourceSpec?: {
      readonly kind?: string
      readonly value?: number
      readonly extensions?: Extensions
    }
    readonly extensions?: Extensions
  }[]
  readonly devices?: readonly DeviceRequest[]
  readonly extensions?: Extensions
}

export interface DeviceRequest {
  readonly capabilities?: readonly string[]
  readonly driver?: string
  /** -1: all. */
  readonly count?: number
  readonly deviceIds?: readonly string[]
  readonly options?: Readonly<Record<string, string>>
  readonly extensions?: Extensions
}

export interface DeployRestartPolicy {
  readonly condition?: 'none' | 'on-failure' | 'any'
  /** Nanoseconds. */
  readonly delay?: number
  readonly maxAttempts?: number
  readonly window?: number
  readonly extensions?: Extensions
}

export interface UpdateConfig {
  readonly parallelism?: number
  /** Nanoseconds. */
  readonly delay?: number
  readonly failureAction?: string
  readonly monitor?: number
  readonly maxFailureRatio?: number
  readonly order?: 'stop-first' | 'start-first'
  readonly extensions?: Extensions
}
