/**
 * crun 1.8 refuses a hybrid cgroup layout while a controller is left on the v2 tree. It looks at one file,
 * cgroup.controllers: in a private mount namespace an empty one is bound over it, and conmon and crun are started from
 * inside. The namespace is a descriptor of the engine, entered for the moment of a spawn: no process, no nsenter.
 *
 * - Layers are mounted later, by the engine, outside. So that they appear inside (and vanish from it), the folders of
 *   all containers and of build steps become shared mounts of their own and the namespace's copy follows them (slave).
 * - Other mounts made since (a disk that a bind mount wants) are found by comparing mountinfo: a new copy is taken.
 * - Mounts of namespaces (nsfs) and those in tmp/ (snapshots) are dropped from the copy, or it would keep them alive. Files
 *   of that kind are opened by the engine and reached as /proc/<engine>/fd/N.
 * Source: kernel Documentation/filesystems/sharedsubtree.rst, crun src/libcrun/cgroup-utils.c.
 */
import { join } from 'node:path'
import { errnoOf } from '../../errors.ts'
import type { Host, SpawnOptions, Spawned } from '../../host/host.ts'
import { MNT_DETACH, MS_BIND, MS_SHARED } from '../../host/mounts.ts'
import { openFlags } from '../../host/rooted.ts'
import type { EngineConfig } from '../config.ts'
import type { ExposedFile } from './runtime.ts'

export interface HybridView {
  prepare(): void
  spawn(argv: readonly string[], options: SpawnOptions): Spawned
  expose(path: string): ExposedFile
  close(): Promise<void>
}

const MOUNTINFO = '/proc/thread-self/mountinfo'

interface MountLine {
  readonly target: string
  readonly type: string
  readonly shared: boolean
  readonly text: string
}

function parseMountinfo(text: string): MountLine[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const fields = line.split(' ')
      const dash = fields.indexOf('-', 6)
      return {
        target: (fields[4] ?? '').replaceAll(/\\(\d{3})/g, (_, octal: string) =>
          String.fromCharCode(Number.parseInt(octal, 8)),
        ),
        type: fields[dash + 1] ?? '',
        shared: fields.slice(6, dash).some((field) => field.startsWith('shared:')),
        text: line,
      }
    })
}

export function createHybridView(host: Host, config: EngineConfig, v2Tree: string): HybridView {
  const { mounts, mountNamespaces, files } = host
  const { paths } = config
  const emptyFile = join(paths.run, 'empty')
  let namespaceFd: number | undefined
  let seen = ''
  let isPrepared = false

  /** Each a shared mount of its own. */
  const sharedFolders = [paths.containers, paths.buildSteps]
  const readMounts = (): MountLine[] => parseMountinfo(files.readTextSync(MOUNTINFO) ?? '')
  const isPassing = ({ target, type }: MountLine): boolean =>
    type === 'nsfs' || target.startsWith(`${paths.temporary}/`)
  const isOurs = (line: MountLine): boolean =>
    isPassing(line) || line.target.startsWith(`${paths.containers}/`) || line.target.startsWith(`${paths.run}/`)

  function share(folder: string, present: readonly MountLine[]): void {
    const mount = present.findLast(({ target }) => target === folder)
    if (mount === undefined) mounts.mount({ source: folder, target: folder, flags: MS_BIND })
    if (mount?.shared !== true) mounts.mount({ source: 'none', target: folder, flags: MS_SHARED })
  }

  function prepare(): void {
    if (isPrepared) return
    const present = readMounts()
    for (const folder of sharedFolders) share(folder, present)
    if (!files.existsSync(emptyFile)) files.writeTextSync(emptyFile, '')
    isPrepared = true
  }

  function hideControllers(): void {
    mounts.mount({ source: emptyFile, target: join(v2Tree, 'cgroup.controllers'), flags: MS_BIND })
    for (const line of readMounts().toReversed()) if (isPassing(line)) mounts.umount(line.target, MNT_DETACH)
  }

  /** The namespace, made anew when mounts of others have changed since. */
  function current(): number {
    prepare()
    const now = readMounts()
      .filter((line) => !isOurs(line))
      .map(({ text }) => text)
      .join('\n')
    if (namespaceFd !== undefined && now === seen) return namespaceFd
    if (namespaceFd !== undefined) mountNamespaces.close(namespaceFd)
    namespaceFd = mountNamespaces.create(hideControllers)
    seen = now
    return namespaceFd
  }

  return {
    prepare,
    spawn: (argv, options) => mountNamespaces.inside(current(), () => host.exec.spawn(argv, options)),
    expose(path) {
      const fd = host.rooted.open('/', path, openFlags.O_RDONLY)
      return { path: `/proc/${process.pid}/fd/${fd}`, [Symbol.dispose]: () => host.rooted.close(fd) }
    },
    async close() {
      if (namespaceFd !== undefined) mountNamespaces.close(namespaceFd)
      namespaceFd = undefined
      isPrepared = false
      // also what an earlier engine of this root made
      const present = new Set(readMounts().map(({ target }) => target))
      const made = sharedFolders.filter((folder) => present.has(folder))
      if (made.length === 0) return
      try {
        for (const folder of made.toReversed()) mounts.umount(folder)
        await files.rm(emptyFile, { force: true })
      } catch (error) {
        if (errnoOf(error) !== 'EBUSY') throw error // containers live on in it: the next engine finds it there
      }
    },
  }
}
