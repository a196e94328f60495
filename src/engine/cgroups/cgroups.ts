/**
 * The cgroups of this engine's containers: one parent per engine, one leaf per container, made by the OCI runtime
 * (cgroupfs driver) and removed here. Also what is read from them: process ids and out-of-memory kills.
 * Source: kernel Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.
 */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { InvalidRequestError, KernelError, UnsupportedError, errnoOf } from '../../errors.ts'
import type { Host } from '../../host/host.ts'
import type { EngineConfig } from '../config.ts'
import { cgroupMountPoints, type CgroupLayout } from './layout.ts'
import type { CgroupAbilities } from './limits.ts'
import { createMadeParents } from './made-parents.ts'
import { createMonitorCgroup } from './monitors.ts'
import { grantRealtime } from './realtime.ts'
import { readUsage, type CgroupUsage } from './usage.ts'

const CONTROLLERS_V2 = ['cpu', 'cpuset', 'io', 'memory', 'pids']
const WEIGHTS_V2 = ['io.bfq.weight', 'io.weight'] as const
const WEIGHTS_V1 = ['blkio.weight', 'blkio.bfq.weight'] as const
const BUSY_ATTEMPTS = 200
const BUSY_PAUSE_MS = 10
const SIGKILL = 9

export interface Cgroups {
  readonly layout: CgroupLayout
  readonly abilities: CgroupAbilities
  /** Path for the OCI spec: "/mycompose-3fa9c1/<id>". */
  pathOf(containerId: string, parent?: string): string
  /** Before the runtime makes it: notes which of its parents (cgroup_parent) are not there yet. sync */
  expect(path: string): void
  /** Kills what is left in it and removes it from all trees; false when it could not. Idempotent. */
  remove(path: string): Promise<boolean>
  /** Host pids, of sub-cgroups too. sync */
  processIds(path: string): number[]
  /** How often the kernel killed a process of it for want of memory. sync */
  oomKills(path: string): number
  /** What has been used in it. sync */
  usage(path: string): CgroupUsage
  /** Stops or continues all processes in it, and waits until that is so. */
  freeze(path: string, frozen: boolean): Promise<void>
  /** Writes lines of a controller (its name on v1). Throws as the kernel does. sync */
  write(path: string, controller: 'blkio' | 'pids', lines: readonly (readonly [file: string, line: string])[]): void
  /** Before a container with a real-time limit is created (v1 only). */
  grantRealtime(wishUs: number): Promise<void>
  /** See MonitorCgroup.adopt. */
  adoptMonitor(pid: number, onError: (error: unknown) => void): void
  /** Removes the engine's parent when it is empty. */
  removeParent(): Promise<void>
}

/** Enables the controllers for children on v2, as far as the kernel lets us. sync */
function delegate(host: Host, root: string, parent: string): void {
  for (const folder of [root, join(root, parent)])
    for (const controller of CONTROLLERS_V2) {
      try {
        host.files.writeTextSync(join(folder, 'cgroup.subtree_control'), `+${controller}`)
      } catch (error) {
        // a controller that is not there, or that a v1 tree holds: limits of it become warnings
        if (!['EINVAL', 'ENOENT', 'EBUSY', 'ENOTSUP'].includes(errnoOf(error) ?? '')) throw error
      }
    }
}

function readAbilities(host: Host, layout: CgroupLayout, parent: string): CgroupAbilities {
  const { files } = host
  const version = layout.kind === 'v2' ? 2 : 1
  const v2 = join(layout.trees.get('') ?? '', parent)
  const v1Has = (controller: string, file: string): boolean => {
    const tree = layout.trees.get(controller)
    return tree !== undefined && [tree, join(tree, parent)].some((folder) => files.existsSync(join(folder, file)))
  }
  const enabled = version === 2 ? (files.readTextSync(join(v2, 'cgroup.controllers')) ?? '').split(/\s+/) : []
  const has = (controller: string): boolean =>
    version === 2 ? enabled.includes(controller) : layout.trees.has(controller === 'io' ? 'blkio' : controller)
  return {
    version,
    memory: has('memory'),
    cpu: has('cpu'),
    cpuset: has('cpuset'),
    pids: has('pids'),
    io: has('io'),
    swap:
      version === 2 ? files.existsSync(join(v2, 'memory.swap.max')) : v1Has('memory', 'memory.memsw.limit_in_bytes'),
    ioWeight: (version === 2 ? WEIGHTS_V2 : WEIGHTS_V1).find((file) =>
      version === 2 ? files.existsSync(join(v2, file)) : v1Has('blkio', file),
    ),
    cpuRealtime: version === 1 && v1Has('cpu', 'cpu.rt_runtime_us'),
    cpuCount: availableParallelism(),
    memoryNodes: (files.readTextSync('/sys/devices/system/node/has_memory') ?? '0').trim(),
    deviceNumber(path) {
      const name = path.replace(/^\/dev\//, '')
      const text = /^[\w.-]+$/.test(name) ? files.readTextSync(`/sys/class/block/${name}/dev`) : undefined
      const [major, minor] = (text ?? '').trim().split(':').map(Number)
      if (major === undefined || minor === undefined)
        throw new InvalidRequestError(`${JSON.stringify(path)} is not a block device of this machine`)
      const schedulers = files.readTextSync(`/sys/dev/block/${major}:${minor}/queue/scheduler`) ?? ''
      return { major, minor, scheduler: /\[([\w-]+)\]/.exec(schedulers)?.[1] ?? 'none' }
    },
  }
}

/** Makes the engine's parent where it needs to be there first (v2). */
export async function openCgroups(
  host: Host,
  layout: CgroupLayout,
  { cgroupParent: parent, paths }: Pick<EngineConfig, 'cgroupParent' | 'paths'>,
): Promise<Cgroups> {
  const mountPoints = cgroupMountPoints(layout)
  const parents = createMadeParents(host.files, {
    mountPoints,
    ownParent: join('/', parent),
    record: paths.madeCgroups,
  })
  const monitors = createMonitorCgroup(host, layout, parent)
  const v2Root = layout.kind === 'v2' ? layout.trees.get('') : undefined
  if (v2Root !== undefined) {
    await host.files.mkdir(join(v2Root, parent), { recursive: true })
    delegate(host, v2Root, parent)
  }
  // bfq's weights are files of cgroups below the root only
  const blockTree = layout.trees.get('blkio')
  if (blockTree !== undefined) await host.files.mkdir(join(blockTree, parent), { recursive: true })
  const killAll = (folder: string): void => {
    for (const pid of pidsIn(folder)) host.processes.signal(pid, SIGKILL)
  }

  function pidsIn(folder: string): number[] {
    let text: string | undefined
    try {
      text = host.files.readTextSync(join(folder, 'cgroup.procs'))
    } catch (error) {
      if (errnoOf(error) === 'ENODEV') return []
      throw error
    }
    return (text ?? '').split('\n').filter(Boolean).map(Number)
  }

  async function subfolders(folder: string): Promise<string[]> {
    try {
      const entries = await host.files.readdir(folder, { withFileTypes: true })
      return entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name))
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return []
      throw error
    }
  }

  async function removeFolder(folder: string): Promise<boolean> {
    for (let attempt = 0; attempt < BUSY_ATTEMPTS; attempt += 1) {
      try {
        await host.files.rmdir(folder)
        return true
      } catch (error) {
        const code = errnoOf(error)
        if (code === 'ENOENT') return true
        if (code !== 'EBUSY' && code !== 'ENOTEMPTY') throw error
      }
      killAll(folder)
      const children = await subfolders(folder)
      if (children.length > 0) await Promise.all(children.map(removeFolder))
      else if (attempt > 0) await host.clock.sleep(BUSY_PAUSE_MS)
    }
    return false
  }

  /** The tree in which processes are looked up: v2's, else any controller that containers always have. */
  const lookupTree = layout.kind === 'v2' ? v2Root : (layout.trees.get('pids') ?? layout.trees.get('memory'))

  function processIds(folder: string): number[] {
    const own = pidsIn(folder)
    const children = host.files.existsSync(folder) ? host.files.readdirSync(folder) : []
    const below = children
      .filter((name) => host.files.existsSync(join(folder, name, 'cgroup.procs')))
      .flatMap((name) => processIds(join(folder, name)))
    return [...own, ...below]
  }

  return {
    layout,
    abilities: readAbilities(host, layout, parent),
    pathOf: (containerId, other) => join('/', other === undefined || other === '' ? parent : other, containerId),
    expect: (path) => parents.expect(path),
    async remove(path) {
      const removed = await Promise.all(mountPoints.map((mountPoint) => removeFolder(join(mountPoint, path))))
      await parents.removeAbove(path)
      return removed.every(Boolean)
    },
    processIds: (path) => (lookupTree === undefined ? [] : processIds(join(lookupTree, path))),
    oomKills(path) {
      const tree = layout.kind === 'v2' ? v2Root : layout.trees.get('memory')
      if (tree === undefined) return 0
      const file = layout.kind === 'v2' ? 'memory.events' : 'memory.oom_control'
      const text = host.files.readTextSync(join(tree, path, file)) ?? ''
      return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0)
    },
    usage: (path) => readUsage(host.files, layout, path),
    async freeze(path, frozen) {
      const isV2 = layout.kind === 'v2'
      const tree = isV2 ? v2Root : layout.trees.get('freezer')
      if (tree === undefined)
        throw new UnsupportedError('cannot pause: this machine has no freezer controller', { code: 'NO_FREEZER' })
      const folder = join(tree, path)
      const want = isV2 ? `frozen ${frozen ? 1 : 0}` : frozen ? 'FROZEN' : 'THAWED'
      host.files.writeTextSync(
        join(folder, isV2 ? 'cgroup.freeze' : 'freezer.state'),
        isV2 ? (frozen ? '1' : '0') : want,
      )
      const report = join(folder, isV2 ? 'cgroup.events' : 'freezer.state')
      for (let attempt = 0; attempt < BUSY_ATTEMPTS; attempt += 1) {
        if ((host.files.readTextSync(report) ?? '').includes(want)) return
        await host.clock.sleep(BUSY_PAUSE_MS)
      }
      throw new KernelError(`cannot ${frozen ? 'freeze' : 'thaw'} the cgroup ${path}`, {
        errno: 'ETIMEDOUT',
        path: folder,
      })
    },
    write(path, controller, lines) {
      const tree = layout.kind === 'v2' ? v2Root : layout.trees.get(controller)
      for (const [file, line] of lines) host.files.writeTextSync(join(tree ?? '', path, file), line)
    },
    async grantRealtime(wishUs) {
      const tree = layout.trees.get('cpu')
      if (layout.kind === 'v2' || tree === undefined) return
      await host.files.mkdir(join(tree, parent), { recursive: true })
      grantRealtime(host.files, join(tree, parent), wishUs)
    },
    adoptMonitor: (pid, onError) => monitors.adopt(pid, onError),
    async removeParent() {
      await monitors.remove()
      for (const mountPoint of mountPoints) {
        try {
          await host.files.rmdir(join(mountPoint, parent))
        } catch (error) {
          if (!['ENOENT', 'EBUSY', 'ENOTEMPTY'].includes(errnoOf(error) ?? '')) throw error
        }
      }
    },
  }
}
