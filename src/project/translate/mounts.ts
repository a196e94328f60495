/**
 * `volumes`, `tmpfs`, `volumes_from`, and the secrets and configs that are files on this machine -> Mounts, Tmpfs,
 * VolumesFrom. Pure. Contents that have no file are in files.ts.
 */
import type { HostConfig, Mount } from '../../api/types/index.ts'
import type { BindMount, Project, Service, ServiceVolume, VolumeMount } from '../../compose/model.ts'
import { UnsupportedError } from '../../errors.ts'
import { fileObjects } from './files.ts'
import { imageReference } from '../names.ts'
import { present } from './present.ts'

export interface MountInput {
  readonly project: Project
  readonly service: Service
  /** Container path -> volume that is carried over from the container before. */
  readonly inheritedVolumes: Readonly<Record<string, string>>
  /** "service:X" -> container id. */
  readonly references: Readonly<Record<string, string>>
}

export function toMounts(input: MountInput): Pick<HostConfig, 'Mounts' | 'Tmpfs' | 'VolumesFrom'> {
  const { service, inheritedVolumes } = input
  const declared = service.volumes.map((volume) => toMount(input, volume))
  const targets = new Set(declared.map((mount) => mount.Target))
  const inherited = Object.entries(inheritedVolumes)
    .filter(([target]) => !targets.has(target))
    .map(([target, name]): Mount => ({ Type: 'volume', Source: name, Target: target }))
  const files = [...fileMounts(input, 'secrets'), ...fileMounts(input, 'configs')]
  const mounts = [...declared, ...inherited, ...files]
  return present<Pick<HostConfig, 'Mounts' | 'Tmpfs' | 'VolumesFrom'>>({
    Mounts: mounts.length > 0 ? mounts : undefined,
    Tmpfs: service.tmpfs === undefined ? undefined : Object.fromEntries(service.tmpfs.map(splitTmpfs)),
    VolumesFrom: toVolumesFrom(input),
  })
}

function toMount(input: MountInput, volume: ServiceVolume): Mount {
  const { target: Target, readOnly: ReadOnly, consistency: Consistency } = volume
  const common = present<Pick<Mount, 'Target' | 'ReadOnly' | 'Consistency'>>({ Target, ReadOnly, Consistency })
  switch (volume.type) {
    case 'bind':
      return { ...common, Type: 'bind', Source: volume.source, BindOptions: toBindOptions(volume) }
    case 'volume':
      return { ...common, ...toVolumeMount(input, volume) }
    case 'tmpfs':
      return {
        ...common,
        Type: 'tmpfs',
        TmpfsOptions: present({ SizeBytes: volume.tmpfs.size, Mode: volume.tmpfs.mode }),
      }
    case 'image':
      return {
        ...common,
        Type: 'image',
        Source: imageSource(input.project, volume.source),
        ImageOptions: present({ Subpath: volume.image.subpath }),
      }
    case 'npipe':
    case 'cluster':
  }
  throw new UnsupportedError(
    `volume type "${volume.type}" of service "${input.service.name}" does not exist on this engine`,
  )
}

function toBindOptions({ bind }: BindMount): NonNullable<Mount['BindOptions']> {
  return present<NonNullable<Mount['BindOptions']>>({
    Propagation: bind.propagation,
    NonRecursive: bind.recursive === 'disabled' ? true : undefined,
    CreateMountpoint: bind.createHostPath ? true : undefined,
    ReadOnlyNonRecursive: bind.recursive === 'writable' ? true : undefined,
    ReadOnlyForceRecursive: bind.recursive === 'readonly' ? true : undefined,
  })
}

function toVolumeMount({ project, inheritedVolumes }: MountInput, volume: VolumeMount): Omit<Mount, 'Target'> {
  const { source, target } = volume
  const name = source === undefined ? inheritedVolumes[target] : (project.volumes[source]?.name ?? source)
  return present<Omit<Mount, 'Target'>>({
    Type: 'volume',
    Source: name,
    ReadOnly: volume.readOnly,
    Consistency: volume.consistency,
    VolumeOptions: present<NonNullable<Mount['VolumeOptions']>>({
      NoCopy: volume.volume.nocopy,
      Subpath: volume.volume.subpath,
      Labels: volume.volume.labels,
    }),
  })
}

/** An image, or the name of a service whose image is meant. */
function imageSource(project: Project, source: string): string {
  const service = project.services[source]
  return service === undefined ? source : imageReference(project.name, service)
}

/** @example splitTmpfs("/run:size=64m,mode=755") -> ["/run", "size=64m,mode=755"] */
function splitTmpfs(tmpfs: string): [string, string] {
  const colon = tmpfs.indexOf(':')
  return colon === -1 ? [tmpfs, ''] : [tmpfs.slice(0, colon), tmpfs.slice(colon + 1)]
}

function toVolumesFrom({ service, references }: MountInput): readonly string[] | undefined {
  return service.volumesFrom?.map(({ kind, name, readOnly }) => {
    const source = kind === 'service' ? (references[`service:${name}`] ?? name) : name
    return readOnly ? `${source}:ro` : source
  })
}

function fileMounts({ project, service }: MountInput, kind: 'secrets' | 'configs'): readonly Mount[] {
  return fileObjects(project, service, kind).flatMap(({ object, use }): readonly Mount[] =>
    object.file === undefined
      ? []
      : [{ Type: 'bind', Source: object.file, Target: use.target, ReadOnly: true, BindOptions: {} }],
  )
}
