/** Downloads that were kept (download.ts), as part of the build cache: listed, and removed while nobody fetches them. */
import { join } from 'node:path'
import { errnoOf } from '../../../errors.ts'
import type { EngineBase } from '../../context.ts'

export interface KeptDownload {
  /** Name of its folder: the sha256 of the address, in hex. */
  readonly place: string
  /** Without a password. */
  readonly url: string
  readonly sizeBytes: number
  readonly createdAtMs: number
  /** A use makes a link, which the file's ctime tells. */
  readonly usedAtMs: number
}

type Base = Pick<EngineBase, 'host' | 'config' | 'locks'>

const rootOf = ({ config }: Base): string => join(config.paths.root, 'build', 'http')

async function listFolder({ host }: Base, path: string): Promise<string[]> {
  try {
    return await host.files.readdir(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

function urlOf(text: string | undefined): string {
  try {
    const { url } = JSON.parse(text ?? '') as { readonly url?: unknown }
    return typeof url === 'string' ? url : ''
  } catch {
    return '' // it is being written, or damaged: it can be removed all the same
  }
}

export async function listDownloads(base: Base): Promise<KeptDownload[]> {
  const { files } = base.host
  const root = rootOf(base)
  const found: KeptDownload[] = []
  for (const place of await listFolder(base, root)) {
    const url = urlOf(await files.readTextIfExists(join(root, place, 'kept.json')))
    const names = (await listFolder(base, join(root, place))).filter((name) => name !== 'kept.json')
    const stats = await Promise.all(names.map((name) => files.stat(join(root, place, name)).catch(() => undefined)))
    const present = stats.filter((stat) => stat !== undefined)
    found.push({
      place,
      url,
      sizeBytes: present.reduce((total, { size }) => total + size, 0),
      createdAtMs: Math.min(...present.map(({ birthtimeMs }) => birthtimeMs)),
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
