/**
 * How much a layer may be: all limits against bombs in one place. They are far above any real image; whoever has a larger
 * one sets them in limits.json of the engine's root, else of /etc/mycompose, read for each layer:
 * {"layers": {"maxEntries": 20000000, "maxRatio": 5000}}. Sources: CVE-2019-9674 and the like (decompression bombs);
 * man 2 statfs; Linux PATH_MAX.
 */
import { join } from 'node:path'
import { tarError } from './tar-entry.ts'
import { DEFAULT_TAR_LIMITS, type TarLimits } from './tar-reader.ts'
import { MycomposeError } from '../../errors.ts'
import type { Host } from '../../host/host.ts'

export interface LayerLimits extends TarLimits {
  /** Plain bytes for each byte that came; looked at beyond `ratioFromBytes` only, as a file of zeros is no crime. */
  readonly maxRatio: number
  readonly ratioFromBytes: number
  /** What unpacking leaves free on the disk; at most 2 % of it. */
  readonly keptFreeBytes: number
}

const DEFAULT_LAYER_LIMITS: LayerLimits = {
  ...DEFAULT_TAR_LIMITS,
  maxRatio: 200,
  ratioFromBytes: 2 ** 30,
  keptFreeBytes: 2 ** 30,
}

const HINT = 'if you trust it, raise the limit in /etc/mycompose/limits.json: {"layers": {"NAME": NUMBER}}'
const CHECK_EVERY_BYTES = 64 * 2 ** 20

/** PURE. `file` is for messages. Throws LIMITS_SETTINGS. */
export function parseLayerLimits(text: string, file: string): LayerLimits {
  const bad = (what: string): MycomposeError =>
    new MycomposeError(`${file}: ${what}`, {
      code: 'LIMITS_SETTINGS',
      hint: `its form is {"layers": {"maxEntries": 20000000}}; names: ${Object.keys(DEFAULT_LAYER_LIMITS).join(', ')}`,
    })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw bad(`it is no JSON: ${cause instanceof Error ? cause.message : ''}`)
  }
  const layers = (value as { readonly layers?: unknown } | null)?.layers ?? {}
  if (typeof layers !== 'object') throw bad('"layers" is no object')
  for (const [name, limit] of Object.entries(layers as Record<string, unknown>)) {
    if (!Object.hasOwn(DEFAULT_LAYER_LIMITS, name)) throw bad(`unknown limit ${JSON.stringify(name)}`)
    if (typeof limit !== 'number' || !Number.isSafeInteger(limit) || limit < 0)
      throw bad(`the limit ${name} is ${JSON.stringify(limit)}, no whole number`)
  }
  return { ...DEFAULT_LAYER_LIMITS, ...layers }
}

export async function readLayerLimits({ files }: Pick<Host, 'files'>, root: string): Promise<LayerLimits> {
  for (const file of [join(root, 'limits.json'), '/etc/mycompose/limits.json']) {
    const text = await files.readTextIfExists(file)
    if (text !== undefined) return parseLayerLimits(text, file)
  }
  return DEFAULT_LAYER_LIMITS
}

/** Bytes that may still be written: free ones without those that are to stay so. */
export async function roomOn({ files }: Pick<Host, 'files'>, folder: string, keptFreeBytes: number): Promise<number> {
  const { bavail, blocks, bsize } = await files.statfs(folder)
  return bavail * bsize - Math.min(keptFreeBytes, blocks * bsize * 0.02)
}

/**
 * Passes the plain bytes of a layer on for as long as they are within the limits. `packedBytes`: how many have come so
 * far as they were sent. Throws TAR_INVALID, DISK_FULL.
 */
export async function* withinLimits(
  source: AsyncIterable<Buffer>,
  limits: Pick<LayerLimits, 'maxRatio' | 'maxTotalBytes' | 'ratioFromBytes'>,
  { packedBytes, room }: { readonly packedBytes: () => number; readonly room: () => Promise<number> },
): AsyncGenerator<Buffer> {
  let bytes = 0
  let nextCheck = 0
  for await (const chunk of source) {
    bytes += chunk.length
    // what stands after the end of the archive counts, too: it costs time
    if (bytes > limits.maxTotalBytes * 2) throw tarError(`more than ${limits.maxTotalBytes * 2} bytes`, HINT)
    if (bytes > limits.ratioFromBytes && bytes > packedBytes() * limits.maxRatio)
      throw tarError(`${packedBytes()} bytes unpack to more than ${limits.maxRatio} times as many`, HINT)
    if (bytes >= nextCheck) {
      nextCheck = bytes + CHECK_EVERY_BYTES
      if ((await room()) <= 0)
        throw new MycomposeError(`the disk is nearly full: unpacking a layer stopped after ${bytes} bytes`, {
          code: 'DISK_FULL',
          hint: 'make room (mycompose image prune, mycompose volume prune), or lower keptFreeBytes in /etc/mycompose/limits.json',
        })
    }
    yield chunk
  }
}
