/**
 * overlayfs mounts: the option string (PURE) and what the kernel's refusals mean.
 * Source: Documentation/filesystems/overlayfs.rst; man 2 mount (options fit one page).
 */
import { basename, dirname, join } from 'node:path'
import type { LayerRecord } from '../../state/layers.ts'
import { MycomposeError, errnoOf } from '../../errors.ts'
import { MS_RDONLY, type MountRequest, type Mounts } from '../../host/mounts.ts'

const MAX_OPTION_BYTES = 4095
/** From here on lower folders are named relative to the one that holds them all. */
const LONG_LOWER_BYTES = 2048

export interface OverlayRequest {
  readonly target: string
  /** Lowest first, as in an image. */
  readonly lower: readonly string[]
  /** Absent: read-only. */
  readonly upper?: { readonly upper: string; readonly work: string }
  /** fsync does nothing: for trees that are thrown away after a crash. */
  readonly volatile?: boolean
}

/** ":" parts folders and "," options: both and "\" need a backslash. */
function escaped(path: string): string {
  return path.replaceAll(/[\\:,]/g, '\\$&')
}

/** The l/ paths of a stack, lowest first; what a layer with an opaque root hides is left out. */
export function lowerFolders(layerLinks: string, layers: readonly LayerRecord[]): string[] {
  const bottom = layers.findLastIndex((layer) => layer.rootOpaque)
  return layers.slice(Math.max(bottom, 0)).map((layer) => join(layerLinks, layer.shortName))
}

/**
 * redirect_dir and metacopy stay off: with them a layer would be more than the files in it (and an image could point at
 * others' files). Throws TOO_MANY_LAYERS.
 */
export function overlayOptions({ lower, upper, volatile = false }: Omit<OverlayRequest, 'target'>): string {
  const options = [`lowerdir=${lower.toReversed().map(escaped).join(':')}`]
  if (upper !== undefined) options.push(`upperdir=${escaped(upper.upper)}`, `workdir=${escaped(upper.work)}`)
  options.push('index=off', 'redirect_dir=off', 'metacopy=off')
  if (volatile) options.push('volatile')
  const text = options.join(',')
  if (Buffer.byteLength(text) > MAX_OPTION_BYTES)
    throw new MycomposeError(`${lower.length} layers are more than one overlay mount can name`, {
      code: 'TOO_MANY_LAYERS',
      hint: 'the kernel takes 4095 bytes of folder names, enough for about 500 layers: use an image with fewer',
    })
  return text
}

/** PURE: a long stack as names inside the folder l/, so that a long engine root does not shorten it. */
export function relativeToOne(lower: readonly string[]): { lower: readonly string[]; workingFolder?: string } {
  const folder = dirname(lower[0] ?? '')
  const isLong = lower.join(':').length > LONG_LOWER_BYTES
  if (!isLong || lower.some((path) => dirname(path) !== folder)) return { lower }
  return { lower: lower.map((path) => basename(path)), workingFolder: folder }
}

const HINTS: Readonly<Record<string, string>> = {
  ENODEV: 'the kernel has no overlay file system: try "modprobe overlay"',
  EPERM: 'the engine must run as root and be allowed to mount',
  EINVAL:
    'overlay cannot write on the file system of the engine root (overlay itself, NFS, FUSE and vfat cannot be used): choose a root on ext4, xfs or btrfs with --root',
}

/** Throws OVERLAY_FAILED with a hint on the cause. */
export function mountOverlay(mounts: Mounts, request: OverlayRequest): void {
  const { lower, workingFolder } = relativeToOne(request.lower)
  const mount: MountRequest = {
    source: 'overlay',
    target: request.target,
    type: 'overlay',
    data: overlayOptions({ ...request, lower }),
    flags: request.upper === undefined ? MS_RDONLY : 0,
    ...(workingFolder === undefined ? {} : { workingFolder }),
  }
  try {
    mounts.mount(mount)
  } catch (cause) {
    const errno = errnoOf(cause)
    throw new MycomposeError(
      `cannot mount the overlay of ${request.lower.length} layers on ${request.target}: ${errno}`,
      {
        code: 'OVERLAY_FAILED',
        hint: HINTS[errno ?? ''],
        cause,
      },
    )
  }
}
