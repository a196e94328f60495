/** Downloads that were kept (download.ts), as part of the build cache: listed, and removed while nobody fetches them. */
import { join } from 'node:path'
import { listFolder, urlOf, type KeptPlace } from './kept.ts'
import type { EngineBase } from '../../context.ts'

type Base = Pick<EngineBase, 'host' | 'config' | 'locks'>

const rootOf = ({ config }: Base): string => join(config.paths.root, 'build', 'http')

export async function listDownloads(base: Base): Promise<KeptPlace[]> {
  const { files } = base.host
  const root = rootOf(base)
  const found: KeptPlace[] = []
  for (const place of await listFolder(base, root)) {
    const description = urlOf(await files.readTextIfExists(join(root, place, 'kept.json')))
    const names = (await listFolder(base, join(root, place))).filter((name) => name !== 'kept.json')
    const stats = await Promise.all(names.map((name) => files.stat(join(root, place, name)).catch(() => undefined)))
    const present = stats.filter((stat) => stat !== undefined)
    found.push({
      place,
      description,
      sizeBytes: present.reduce((total, { size }) => total + size, 0),
      createdAtMs: Math.min(...present.map(({ birthtimeMs }) => birthtimeMs)),
      // a use makes a link, which the file's ctime tells
      usedAtMs: Math.max(0, ...present.map(({ ctimeMs }) => ctimeMs)),
    })
  }
  return found
}

/** False when it is not there. Steps that use it have links of their own. */
export async function removeDownload(base: Base, place: string): Promise<boolean> {
  if (!/^[0-9a-f]{64}$/.test(place)) return false
  return await base.locks.run(`download:${place}`, async () => {
    const folder = join(rootOf(base), place)
    if (!base.host.files.existsSync(folder)) return false
    await base.host.files.rm(folder, { recursive: true, force: true })
    return true
  })
}
