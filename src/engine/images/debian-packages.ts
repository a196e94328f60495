/**
 * Packages over a base, as a layer: the base mounted with a write layer, apt-get run in it in namespaces of its own
 * (mounts, processes), the write layer packed and unpacked again as an image layer. Services are not started and
 * PostgreSQL makes no cluster. Source: man 8 apt-get, man 1 unshare, invoke-rc.d policy-rc.d, createcluster.conf.
 */
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { BootstrapContext } from './bootstrap.ts'
import type { AptSetup } from './debian-base.ts'
import { progressOf } from './import.ts'
import { namespaced, runTool } from './run-tool.ts'
import { openScratch } from './scratch.ts'
import { unmount } from '../layers/mount-points.ts'
import { lowerFolders, mountOverlay } from '../layers/overlay.ts'
import { UnsupportedError } from '../../errors.ts'
import { createPacker } from '../layers/pack.ts'
import { layersOf, stageLayer, type StagedLayer } from '../layers/store.ts'
import type { EngineBase } from '../context.ts'

/** Of the write layer, what no image should hold: caches, logs, our own files, what was a mount. */
const LEFT_OUT: readonly RegExp[] = [
  /^\.\/(?:dev|proc|sys|run|tmp|var\/tmp)\/./,
  /^\.\/var\/cache\/apt\/./,
  /^\.\/var\/lib\/apt\/lists\/./,
  /^\.\/var\/cache\/ldconfig\/aux-cache$/,
  /^\.\/var\/cache\/debconf\/[^/]+-old$/,
  /^\.\/var\/lib\/dpkg\/[^/]+-old$/,
  /^\.\/var\/log\/(?:apt\/.|alternatives\.log|bootstrap\.log|dpkg\.log)/,
  /^\.\/etc\/resolv\.conf$/,
]

export function isLeftOut(path: string): boolean {
  return LEFT_OUT.some((pattern) => pattern.test(path))
}

/** Where the apt options lie inside; /run is left out of the layer. */
const OPTIONS_INSIDE = '/run/mycompose-apt.conf'

async function mountBase(base: EngineBase, chainIds: readonly string[], folder: string): Promise<string> {
  if (base.storageDriver === 'vfs')
    throw new UnsupportedError('bootstrapping an image needs overlay mounts, which this root cannot have', {
      code: 'STORAGE_DRIVER',
      hint: 'bootstrap on another machine or root and bring the image here: mycompose image import',
    })
  const { host, config } = base
  const [upper, work, merged] = [join(folder, 'upper'), join(folder, 'work'), join(folder, 'merged')]
  for (const path of [upper, work, merged]) await host.files.mkdir(path, { mode: 0o755 })
  const lower = lowerFolders(config.paths.layerLinks, layersOf(base, chainIds))
  const { mode, uid, gid } = await host.files.stat(lower.at(-1) ?? upper)
  await host.files.chown(upper, uid, gid)
  await host.files.chmod(upper, mode & 0o7777)
  mountOverlay(host.mounts, { target: merged, lower, upper: { upper, work }, volatile: true })
  return merged
}

async function writeHelpers({ host }: EngineBase, merged: string, options: string): Promise<void> {
  const write = async (path: string, text: string, mode: number): Promise<void> => {
    await host.files.mkdir(join(merged, path, '..'), { recursive: true })
    await host.files.writeFile(join(merged, path), text, { mode })
  }
  await write(OPTIONS_INSIDE, options, 0o600)
  await write('/etc/resolv.conf', (await host.files.readTextIfExists('/etc/resolv.conf')) ?? '', 0o644)
  await write('/etc/postgresql-common/createcluster.conf', 'create_main_cluster = false\n', 0o644)
}

const DPKG_OPTIONS = ['--force-unsafe-io', '--force-confdef', '--force-confold'].flatMap((option) => [
  '-o',
  `Dpkg::Options::=${option}`,
])

async function install(
  { base, progress, signal }: BootstrapContext,
  merged: string,
  packages: readonly string[],
  dateSeconds: number,
): Promise<void> {
  const env = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C.UTF-8',
    HOME: '/root',
    DEBIAN_FRONTEND: 'noninteractive',
    APT_CONFIG: OPTIONS_INSIDE,
    SOURCE_DATE_EPOCH: String(dateSeconds),
  }
  const onLine = (line: string): void => {
    const [, status, id] = /^(Unpacking|Setting up) (\S+)/.exec(line) ?? []
    if (status !== undefined && id !== undefined) progress({ status, id: id.replace(/:[a-z0-9]+$/, '') })
  }
  const run = (command: readonly string[]): Promise<void> =>
    runTool(base.host, { argv: namespaced(['chroot', merged, ...command], `${merged}/proc`), env, signal, onLine })
  progress({ status: 'Reading the package lists' })
  await run(['apt-get', 'update', '-o', 'APT::Update::Error-Mode=any'])
  progress({ status: `Installing ${packages.join(', ')}` })
  await run(['apt-get', 'install', '-y', '--no-install-recommends', ...DPKG_OPTIONS, '--', ...packages])
}

/** Packs the write layer and puts it into the store's tmp/ as a layer. */
async function stageUpper(
  { base, progress, signal }: BootstrapContext,
  upper: string,
  chainIds: readonly string[],
  dateSeconds: number,
): Promise<StagedLayer> {
  const { at } = base.host
  const folder = at.openRoot(upper)
  try {
    const packer = createPacker(at, { whiteouts: true, latestMtimeNs: BigInt(dateSeconds) * 1_000_000_000n, isLeftOut })
    const tar = Readable.from(packer.pack(folder, [{ name: '.', path: '.' }]), { objectMode: false })
    return await stageLayer(base, tar, {
      lower: chainIds,
      isOurs: true,
      signal,
      onProgress: progressOf('packages', progress),
    })
  } finally {
    at.close(folder)
  }
}

/** The caller commits or discards the layer. Throws as explainBootstrapFailure has it, CanceledError. */
export async function makePackagesLayer(
  context: BootstrapContext,
  chainIds: readonly string[],
  packages: readonly string[],
  { options, dateSeconds }: AptSetup,
): Promise<StagedLayer> {
  const { base } = context
  await using scratch = await openScratch(base, 'packages')
  const { folder } = scratch
  const merged = await mountBase(base, chainIds, folder)
  await writeHelpers(base, merged, options)
  await install(context, merged, packages, dateSeconds)
  await unmount(base, merged)
  return await stageUpper(context, join(folder, 'upper'), chainIds, dateSeconds)
}
