/**
 * A layer staged once more, to stand on another stack: its folders are made anew, its files are hard links to those of the
 * layer that is there. Nothing is read, copied or hashed, and nobody writes to files of layers. For layers that say nothing of
 * what is below them (`COPY --link`). Source: man 2 linkat; BuildKit's merge of snapshots does the same.
 */
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { copyXattrs } from './copy-file.ts'
import { MAX_TURN_MS } from './feed.ts'
import type { StagedLayer } from './store.ts'
import { CanceledError, errnoOf } from '../../errors.ts'
import type { At } from '../../host/at.ts'
import type { LayerRecord } from '../../state/layers.ts'
import type { EngineBase } from '../context.ts'

/** Full, or a file system without links: the layer is made anew. */
const CANNOT: ReadonlySet<string> = new Set(['EMLINK', 'EXDEV', 'EPERM', 'EOPNOTSUPP'])

/** Returns how many entries there are. `from` and `to` stay the caller's. */
async function linkFolder(at: At, from: number, to: number, takeTurn: () => Promise<void>): Promise<number> {
  let entries = 0
  for (const name of at.names(from)) {
    await takeTurn()
    const facts = at.stat(from, name)
    if (facts === undefined) continue
    entries += 1
    if (facts.kind !== 'folder') {
      at.makeLink(from, name, to, name)
      continue
    }
    using open = new DisposableStack()
    at.makeFolder(to, name, 0o700)
    const source = open.adopt(at.openFolder(from, name, 'no-links'), (fd) => at.close(fd))
    const target = open.adopt(at.openFolder(to, name, 'no-links'), (fd) => at.close(fd))
    entries += await linkFolder(at, source, target, takeTurn)
  }
  const facts = at.stat(from, '.')
  if (facts === undefined) throw new Error('a folder of a layer is gone')
  at.chownOpen(to, facts.uid, facts.gid)
  at.chmodOpen(to, facts.mode)
  copyXattrs(at, { folder: from, name: '.', facts }, to, '.')
  at.setTimesOpen(to, facts.mtimeNs)
  return entries
}

/**
 * The caller sees to it that nobody frees `layer` meanwhile. Undefined where that cannot be. Throws KernelError
 * (ENOSPC), CanceledError.
 */
export async function linkLayer(
  { host, config }: EngineBase,
  { shortName, diffId, sizeBytes, rootOpaque, newestMtimeNs }: LayerRecord,
  signal?: AbortSignal,
): Promise<StagedLayer | undefined> {
  // one that came from elsewhere with its bytes: it would be packed as another one
  if (newestMtimeNs === undefined) return undefined
  const { at, files } = host
  let turnStart = performance.now()
  async function takeTurn(): Promise<void> {
    if (signal?.aborted === true) throw new CanceledError('the step was canceled')
    if (performance.now() - turnStart < MAX_TURN_MS) return
    await setImmediate()
    turnStart = performance.now()
  }
  await using undo = new AsyncDisposableStack()
  const folder = await files.mkdtemp(join(config.paths.temporary, 'layer-'))
  undo.defer(() => files.rm(folder, { recursive: true, force: true }))
  await files.mkdir(join(folder, 'diff'), { mode: 0o700 })
  using open = new DisposableStack()
  const source = open.adopt(at.openRoot(join(config.paths.layerLinks, shortName)), (fd) => at.close(fd))
  const target = open.adopt(at.openRoot(join(folder, 'diff')), (fd) => at.close(fd))
  try {
    const entries = await linkFolder(at, source, target, takeTurn)
    undo.move()
    return { folder, diffId, sizeBytes, rootOpaque, entries, newestMtimeNs: BigInt(newestMtimeNs) }
  } catch (error) {
    if (CANNOT.has(errnoOf(error) ?? '')) return undefined
    throw error
  }
}
