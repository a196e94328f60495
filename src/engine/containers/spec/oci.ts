/** The part of the OCI runtime configuration (config.json) that we write. Source: runtime-spec config.md, config-linux.md. */
import type { SeccompFilter } from '../../../host/seccomp.ts'
import type { OciResources } from '../../cgroups/limits.ts'

export interface OciMount {
  readonly destination: string
  readonly type: string
  readonly source: string
  readonly options: readonly string[]
}

export interface OciCapabilities {
  readonly bounding: readonly string[]
  readonly effective: readonly string[]
  readonly permitted: readonly string[]
}

export interface OciProcess {
  readonly terminal: boolean
  readonly consoleSize?: { readonly height: number; readonly width: number }
  readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] }
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  readonly capabilities: OciCapabilities
  readonly rlimits?: readonly { readonly type: string; readonly soft: number; readonly hard: number }[]
  readonly noNewPrivileges: boolean
  readonly apparmorProfile?: string
  readonly oomScoreAdj?: number
}

export interface OciDeviceRule {
  readonly allow: boolean
  readonly type?: 'a' | 'b' | 'c'
  readonly major?: number
  readonly minor?: number
  readonly access: string
}

export interface OciDevice {
  readonly path: string
  readonly type: 'b' | 'c' | 'p'
  readonly major: number
  readonly minor: number
  readonly fileMode: number
  readonly uid: number
  readonly gid: number
}

export interface OciNamespace {
  readonly type: 'mount' | 'network' | 'uts' | 'ipc' | 'pid' | 'cgroup'
  readonly path?: string
}

export interface OciHook {
  readonly path: string
  readonly args?: readonly string[]
  readonly env?: readonly string[]
  readonly timeout?: number
}

export type OciHooks = Readonly<Record<string, readonly OciHook[]>>

export interface OciSpec {
  readonly ociVersion: string
  readonly process: OciProcess
  readonly root: { readonly path: string; readonly readonly: boolean }
  readonly hostname?: string
  readonly mounts: readonly OciMount[]
  readonly annotations?: Readonly<Record<string, string>>
  readonly hooks?: OciHooks
  readonly linux: {
    readonly cgroupsPath: string
    readonly namespaces: readonly OciNamespace[]
    readonly devices: readonly OciDevice[]
    readonly resources: OciResources & { readonly devices: readonly OciDeviceRule[] }
    readonly sysctl: Readonly<Record<string, string>>
    readonly rootfsPropagation?: string
    readonly maskedPaths: readonly string[]
    readonly readonlyPaths: readonly string[]
    readonly seccomp?: SeccompFilter
  }
}
