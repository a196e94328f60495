/**
 * What runs in a service and how it is watched: health, restart, logs, hooks, limits, development. Source: the Compose
 * Specification. Types only.
 */
import type { Extensions } from './model.ts'

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

export interface Ulimit {
  readonly soft: number
  readonly hard: number
  readonly extensions?: Extensions
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
  readonly extensions?: Extensions
}

export interface BlkioConfig {
  readonly weight?: number
  readonly weightDevice?: readonly {
    readonly path: string
    readonly weight: number
    readonly extensions?: Extensions
  }[]
  readonly deviceReadBps?: readonly BlkioRate[]
  readonly deviceWriteBps?: readonly BlkioRate[]
  readonly deviceReadIops?: readonly BlkioRate[]
  readonly deviceWriteIops?: readonly BlkioRate[]
  readonly extensions?: Extensions
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
