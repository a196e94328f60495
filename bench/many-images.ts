/**
 * A docker archive of many small images with layers of their own, for the speed of lists: what takes long in a store is
 * the number of things, not their size. Source: docker image save.
 */
import { writeFileSync } from 'node:fs'
import { sha256Of } from '../test/support/oci-layout.ts'
import { tarOf, type TestEntry } from '../test/support/tar-bytes.ts'

export const IMAGES = 200
export const LAYERS_EACH = 5

const nameOf = (image: number): string => `many/image${image}:1`

export const MANY_NAMES: readonly string[] = Array.from({ length: IMAGES }, (_, image) => nameOf(image))

export function writeManyImages(path: string): void {
  const entries: TestEntry[] = []
  const manifest = MANY_NAMES.map((name, image) => {
    const layers = Array.from({ length: LAYERS_EACH }, (_, layer) => {
      const content = tarOf({ path: `layer${layer}`, content: name })
      entries.push({ path: `${image}-${layer}.tar`, content })
      return { path: `${image}-${layer}.tar`, diffId: sha256Of(content) }
    })
    const rootfs = { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) }
    const config = {
      architecture: 'amd64',
      os: 'linux',
      created: '2024-01-01T00:00:00Z',
      config: { Labels: { image: name } },
      rootfs,
    }
    entries.push({ path: `${image}.json`, content: JSON.stringify(config) })
    return { Config: `${image}.json`, RepoTags: [name], Layers: layers.map(({ path }) => path) }
  })
  writeFileSync(path, tarOf(...entries, { path: 'manifest.json', content: JSON.stringify(manifest) }))
}
