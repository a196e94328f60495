/**
 * The configuration blob of an image: made, written always in the same bytes, and read back with a limit. PURE.
 * Source: OCI image-spec config.md.
 */
import type { ImageConfig } from '../../api/types/index.ts'
import type { ImageRuntimeConfig } from './changes.ts'
import { InvalidRequestError } from '../../errors.ts'
import type { ImageFacts } from '../../state/images.ts'

const MAX_CONFIG_BYTES = 4 * 2 ** 20

/** What an image says; the rest of a container's configuration (host name, terminal) is of that container alone. */
export const IMAGE_FIELDS = [
  'Cmd',
  'Entrypoint',
  'Env',
  'ExposedPorts',
  'Healthcheck',
  'Labels',
  'OnBuild',
  'Shell',
  'StopSignal',
  'StopTimeout',
  'User',
  'Volumes',
  'WorkingDir',
] as const

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: '386',
  ppc64: 'ppc64le',
}

/** Go's name of an architecture, from Node's. */
export function ociArchitecture(nodeArchitecture: string): string {
  return ARCHITECTURES[nodeArchitecture] ?? nodeArchitecture
}

/** Keys sorted at every depth: equal configurations have equal bytes, so an equal id. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => sorted(item))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined)
  return Object.fromEntries(
    entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)]),
  )
}

export function encodeConfig(config: ImageConfig): string {
  return JSON.stringify(sorted(config))
}

/** "linux/arm64/v8" */
export function platformText({ os, architecture, variant }: ImageConfig): string {
  return [os, architecture, ...(variant === undefined || variant === '' ? [] : [variant])].join('/')
}

/** What lists show. */
export function summaryOf(image: ImageConfig): ImageFacts {
  const { created, config } = image
  const labels = config?.Labels ?? null
  return { ...(created === undefined ? {} : { created }), labels, platform: platformText(image) }
}

export interface NewImage {
  readonly architecture: string
  /** RFC 3339. */
  readonly created: string
  readonly config: ImageRuntimeConfig
  readonly diffIds: readonly string[]
  readonly history: NonNullable<ImageConfig['history']>
}

export function toImageConfig({ architecture, created, config, diffIds, history }: NewImage): ImageConfig {
  return { architecture, os: 'linux', created, config, rootfs: { type: 'layers', diff_ids: diffIds }, history }
}

/** Throws InvalidRequestError when it is no configuration. */
export function decodeConfig(text: string): ImageConfig {
  if (text.length > MAX_CONFIG_BYTES) throw new InvalidRequestError('an image configuration is larger than 4 MiB')
  const value = JSON.parse(text) as Partial<ImageConfig>
  if (typeof value.architecture !== 'string' || !Array.isArray(value.rootfs?.diff_ids))
    throw new InvalidRequestError('this is no image configuration: architecture or rootfs is missing')
  return value as ImageConfig
}
