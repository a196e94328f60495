/** Volumes in the Docker Engine API (v1.51). Types only. */

export interface VolumeCreateRequest {
  /** Absent or "": a random 64-hex name (an anonymous volume). */
  readonly Name?: string
  readonly Driver?: string
  readonly DriverOpts?: Readonly<Record<string, string>> | null
  readonly Labels?: Readonly<Record<string, string>> | null
}

export interface Volume {
  readonly Name: string
  readonly Driver: string
  readonly Mountpoint: string
  readonly CreatedAt: string
  readonly Labels: Readonly<Record<string, string>> | null
  readonly Options: Readonly<Record<string, string>> | null
  readonly Scope: 'local'
  readonly UsageData?: { readonly Size: number; readonly RefCount: number }
}

export interface VolumeList {
  readonly Volumes: readonly Volume[]
  readonly Warnings: readonly string[] | null
}
