/** Volumes: folders that outlive containers, and what driver options mount. */
import type { Volume, VolumeCreateRequest } from '../../api/types/index.ts'
import type { Filters } from './filters.ts'

export interface MountedVolume {
  readonly path: string
  /** By the driver options, just now or for another container. */
  readonly isMounted: boolean
  /** By the driver options. */
  readonly readOnly: boolean
}

export interface VolumeService {
  list(filters: Filters): Promise<Volume[]>
  inspect(name: string): Promise<Volume>
  /** Returns the existing one when name and driver agree; 409 when its options differ. Name absent: anonymous. */
  create(request: VolumeCreateRequest, options?: { readonly madeFor?: string }): Promise<Volume>
  /** Removes the anonymous volumes that were made for a container which did not come to be. */
  removeMadeFor(containerId: string): Promise<void>
  /** 409 while a container (running or not) refers to it. */
  remove(name: string, options: { readonly force: boolean }): Promise<void>
  /** As `list`, with their sizes. */
  diskUsage(): Promise<Volume[]>
  prune(filters: Filters): Promise<{ readonly VolumesDeleted: readonly string[]; readonly SpaceReclaimed: number }>
  /**
   * Fills an empty volume with the folder `path` of the mounted root file system (content, owners, modes, xattrs; the
   * volume's own root takes the folder's owner and mode). Nothing happens when it is not empty or the path is absent.
   * InvalidRequestError when the path is a file.
   */
  copyUp(name: string, rootfs: string, path: string): Promise<void>
  /**
   * Where its content is, for a container that is to start: what the driver options name is mounted now, and stays until
   * the last container has released it. Throws VOLUME_MOUNT.
   */
  mount(name: string, containerId: string): Promise<MountedVolume>
  /** That container does not run any more, or was not started after all. Idempotent; an unknown name is none. */
  release(name: string, containerId: string): Promise<void>
  /** `live`: containers that run. Mounts that none of them uses go. */
  recover(live: readonly string[]): Promise<void>
}
