/**
 * Which way root file systems are made of layers: overlay mounts, or copies (`vfs`) where the kernel or the file system of
 * the root refuses those: a root on an overlay (a container), on NFS or FUSE. Found out by trying, once; what a store was
 * begun with it keeps (the file storage-driver), as whiteouts lie on the disk in another form.
 * Source: Documentation/filesystems/overlayfs.rst; docker-docs "VFS storage driver".
 */
import { join } from 'node:path'
import { mountOverlay } from './overlay.ts'
import { MycomposeError, UsageError } from '../../errors.ts'
import type { Host } from '../../host/host.ts'
import type { EngineBase, StorageDriver } from '../context.ts'

const DRIVERS: readonly StorageDriver[] = ['overlay', 'vfs']

/** Mounts an overlay under `temporary` and lets it go again. Returns why that is impossible, or undefined. */
export async function whyNoOverlay(host: Host, temporary: string): Promise<MycomposeError | undefined> {
  const folder = await host.files.mkdtemp(join(temporary, 'mycompose-probe-'))
  const [lower, upper, work, target] = ['lower', 'upper', 'work', 'merged'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ]
  try {
    for (const path of [lower, upper, work, target]) await host.files.mkdir(path, { mode: 0o755 })
    mountOverlay(host.mounts, { target, lower: [lower], upper: { upper, work } })
    host.mounts.umount(target)
    // layers need whiteouts too, which an overlay does not let anybody make
    host.mounts.mknod(join(upper, 'whiteout'), 0o020000, 0, 0)
    return undefined
  } catch (error) {
    if (error instanceof MycomposeError) return error
    throw error
  } finally {
    await host.files.rm(folder, { recursive: true, force: true })
  }
}

function toDriver(text: string, source: string): StorageDriver {
  const driver = DRIVERS.find((known) => known === text)
  if (driver !== undefined) return driver
  throw new UsageError(`${source}: unknown storage driver ${JSON.stringify(text)}`, {
    hint: `there are: ${DRIVERS.join(', ')}`,
  })
}

const fileOf = ({ paths }: EngineBase['config']): string => join(paths.root, 'storage-driver')

function wantedDriver(wish: string | undefined): StorageDriver | undefined {
  return wish === undefined || wish === '' ? undefined : toDriver(wish, 'MYCOMPOSE_STORAGE_DRIVER')
}

/** What the store was begun with; undefined: it is not begun. Throws STORAGE_DRIVER when `wish` is the other one. */
export async function recordedDriver(
  { host, config }: Pick<EngineBase, 'host' | 'config'>,
  wish: string | undefined,
): Promise<StorageDriver | undefined> {
  const file = fileOf(config)
  const wanted = wantedDriver(wish)
  const recorded = (await host.files.readTextIfExists(file))?.trim()
  if (recorded === undefined || recorded === '') return undefined
  const driver = toDriver(recorded, file)
  if (wanted === undefined || wanted === driver) return driver
  throw new MycomposeError(`${config.paths.root} was begun with the storage driver "${driver}", not "${wanted}"`, {
    code: 'STORAGE_DRIVER',
    hint: 'use another root (--root), or none of both: MYCOMPOSE_STORAGE_DRIVER=',
  })
}

/** `wish`: of the user. Throws STORAGE_DRIVER when the store was begun with the other one. */
export async function chooseDriver(
  { host, config, log }: Pick<EngineBase, 'host' | 'config' | 'log'>,
  wish: string | undefined,
): Promise<StorageDriver> {
  const recorded = await recordedDriver({ host, config }, wish)
  if (recorded !== undefined) return recorded
  const wanted = wantedDriver(wish)
  const refusal = wanted === undefined ? await whyNoOverlay(host, config.paths.temporary) : undefined
  const driver = wanted ?? (refusal === undefined ? 'overlay' : 'vfs')
  if (refusal !== undefined)
    log('warn', 'overlay mounts are refused here: layers are copied (vfs), which is slow and takes room', {
      error: refusal.message,
      hint: refusal.hint,
    })
  await host.files.writeAtomic(fileOf(config), `${driver}\n`, { mode: 0o644 })
  return driver
}
