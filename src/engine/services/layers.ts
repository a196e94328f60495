/** Root file systems: a container's write layer over the layers of its image. */
import type { Readable } from 'node:stream'
import type { ContainerChange } from '../../api/types/index.ts'

export interface LayerService {
  /** Makes containers/<id>/{upper,work,merged}; nothing is mounted. Idempotent. */
  prepare(containerId: string, chainIds: readonly string[]): Promise<void>
  /** Mounts (if it is not) and returns the root file system's path. */
  mount(containerId: string): Promise<string>
  /** Unmounts; idempotent; the write layer stays. */
  unmount(containerId: string): Promise<void>
  /**
   * Unmounts, and lets go of the layers below: from here on it cannot be mounted any more. The caller removes the folder.
   * Idempotent.
   */
  release(containerId: string): Promise<void>
  /** Releases it and deletes the container's folder. Idempotent. */
  remove(containerId: string): Promise<void>
  /** Bytes in the write layer. */
  sizeBytes(containerId: string): Promise<number>
  /** What it has written, as a layer's tar. Throws UnsupportedError where write layers are whole copies (vfs). */
  writeLayer(containerId: string): Readable
  /** What it has written, against what lies below. Throws UnsupportedError (vfs). */
  changes(containerId: string): Promise<ContainerChange[]>
  /** The whole content of an image, read-only, on the folder `target`, which is made; idempotent. Undone by umount. */
  mountImage(chainIds: readonly string[], target: string): Promise<void>
  /** A read-only look into an image without a container, e.g. to copy a volume's first content. */
  withImageMounted<T>(chainIds: readonly string[], work: (root: string) => Promise<T>): Promise<T>
  recover(): Promise<void>
}
