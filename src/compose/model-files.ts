/**
 * Mounts and files of services, and the top-level volumes, secrets and configs. Source: the Compose Specification. Types only.
 */
import type { Extensions } from './model.ts'

export interface EnvFile {
  /** Absolute. */
  readonly path: string
  readonly required?: boolean
  readonly format?: string
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
    readonly extensions?: Extensions
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
    readonly extensions?: Extensions
  }
}

export interface TmpfsMount extends VolumeCommon {
  readonly type: 'tmpfs'
  readonly tmpfs: { readonly size?: number; readonly mode?: number; readonly extensions?: Extensions }
}

export interface ImageMount extends VolumeCommon {
  readonly type: 'image'
  /** Image reference, or the name of a service. */
  readonly source: string
  readonly image: { readonly subpath?: string; readonly extensions?: Extensions }
}

/** npipe (Windows) and cluster (Swarm) volumes: loaded and printed, refused by `unsupportedAttributes`. */
export interface OtherMount extends VolumeCommon {
  readonly type: 'npipe' | 'cluster'
  readonly source?: string
}

export type ServiceVolume = BindMount | VolumeMount | TmpfsMount | ImageMount | OtherMount

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
