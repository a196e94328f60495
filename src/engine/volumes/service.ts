/**
 * Volumes of the local driver: volumes/<name>/_data under the engine's root, what the options mount there, or a host folder.
 * A row without a folder is finished or forgotten at start; a folder without a row is left alone: it may hold data.
 */
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Volume } from '../../api/types/index.ts'
import { ConflictError, InvalidRequestError, NotFoundError, errnoOf } from '../../errors.ts'
import { MS_RDONLY } from '../../host/mounts.ts'
import { volumeRows, type VolumeRecord } from '../../state/volumes.ts'
import type { EngineBase } from '../context.ts'
import { packFrom, statPath, unpackInto } from '../layers/archive.ts'
import { diskUsageBytes } from '../layers/disk-usage.ts'
import { mountPointsBelow, unmount } from '../layers/mount-points.ts'
import type { ContainerService, VolumeService } from '../services/index.ts'
import { asksForAll, matchesVolume } from './filters.ts'
import { mountVolume, type MountedSource } from './mount.ts'
import { checkVolumeName, volumeSource } from './options.ts'

export interface VolumeDependencies {
  readonly usersOf: ContainerService['usersOf']
}

/** Docker's mark of a volume that was made without a name, for whoever meets it by its name later. */
const ANONYMOUS_LABEL = 'com.docker.volume.anonymous'

export function createVolumeService(base: EngineBase, { usersOf }: VolumeDependencies): VolumeService {
  const { config, host } = base
  const rows = volumeRows(base.state)

  const folderOf = (name: string): string => join(config.paths.volumes, name)
  const sourceOf = (volume: VolumeRecord) => volumeSource({ DriverOpts: volume.options })
  const mountpointOf = (volume: VolumeRecord): string => {
    const source = sourceOf(volume)
    return source.kind === 'bind' ? source.path : join(folderOf(volume.name), '_data')
  }
  /** Containers that are being started or run: volume -> their ids. What ran before this engine is found by usersOf. */
  const holders = new Map<string, Set<string>>()
  const isUsed = (name: string) => (): boolean => usersOf({ volume: name }).length > 0

  function toVolume(volume: VolumeRecord): Volume {
    return {
      Name: volume.name,
      Driver: 'local',
      Mountpoint: mountpointOf(volume),
      CreatedAt: volume.created,
      Labels: volume.labels,
      Options: Object.keys(volume.options).length === 0 ? null : volume.options,
      Scope: 'local',
    }
  }

  function existing(name: string): VolumeRecord {
    const found = rows.get(name)
    if (found !== undefined) return found
    throw new NotFoundError(`get ${name}: no such volume`, {
      code: 'NO_SUCH_VOLUME',
      hint: 'list them: mycompose volume ls',
    })
  }

  function publish(action: 'create' | 'destroy', name: string): void {
    base.events.publish({ Type: 'volume', Action: action, Actor: { ID: name, Attributes: { driver: 'local' } } })
  }

  async function makeFolder(volume: VolumeRecord): Promise<void> {
    const source = sourceOf(volume)
    if (source.kind !== 'bind') {
      await host.files.mkdir(folderOf(volume.name), { recursive: true, mode: 0o701 })
      await host.files.mkdir(mountpointOf(volume), { recursive: true, mode: 0o755 })
      return
    }
    const bound = source.path
    const found = await host.files.stat(bound).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw error
    })
    if (found?.isDirectory() !== true)
      throw new InvalidRequestError(`volume ${volume.name}: the folder ${bound} is not there`, {
        code: 'VOLUME_DEVICE',
        hint: `mkdir -p ${bound}`,
      })
  }

  const isMounted = (target: string): boolean => mountPointsBelow(host, config.paths.volumes).includes(target)

  /** Nothing else is on the folder than what the options name: it is mounted once, whatever a crash left. */
  async function mountOnce(volume: VolumeRecord, source: MountedSource): Promise<void> {
    const target = mountpointOf(volume)
    if (isMounted(target)) return
    await makeFolder(volume)
    await mountVolume(host, volume.name, source, target)
  }

  async function unmountOf(volume: VolumeRecord): Promise<void> {
    const target = mountpointOf(volume)
    if (sourceOf(volume).kind === 'mount' && isMounted(target)) await unmount(base, target)
  }

  async function forget(volume: VolumeRecord): Promise<void> {
    rows.replace({ ...volume, unfinished: 'remove' })
    await unmountOf(volume) // or the removal would go on inside
    await host.files.rm(folderOf(volume.name), { recursive: true, force: true })
    rows.delete(volume.name)
  }

  async function removeLocked(name: string): Promise<void> {
    const volume = existing(name)
    const users = usersOf({ volume: name })
    if (users.length > 0)
      throw new ConflictError(`remove ${name}: volume is in use - [${users.map(({ id }) => id).join(', ')}]`, {
        code: 'VOLUME_IN_USE',
        hint: `remove first: ${users.map((user) => user.name).join(', ')}`,
      })
    await forget(volume)
    publish('destroy', name)
  }

  /** False when nothing is there. Throws InvalidRequestError for a file. */
  function isFolder(rootfs: string, path: string): boolean {
    try {
      statPath(host, rootfs, `${path}/.`)
      return true
    } catch (cause) {
      if (!(cause instanceof NotFoundError)) throw cause
      if (cause.code !== 'NOT_A_FOLDER') return false
      throw new InvalidRequestError(`cannot mount a volume over ${path}: it is a file in the image`, { cause })
    }
  }

  /** Puts a copy of the folder into the empty volume; what was copied before a failure goes again. */
  async function fill(volume: VolumeRecord, rootfs: string, path: string): Promise<void> {
    rows.replace({ ...volume, unfinished: 'fill' })
    try {
      await unpackInto(host, mountpointOf(volume), '/', packFrom(host, rootfs, `${path}/.`).tar, { setsRoot: true })
    } catch (error) {
      await empty({ ...volume, unfinished: 'fill' })
      throw error
    }
    rows.replace(volume)
  }

  /** A half copy must not be taken for the whole one. */
  async function empty(volume: VolumeRecord): Promise<void> {
    const target = mountpointOf(volume)
    for (const name of await host.files.readdir(target))
      await host.files.rm(join(target, name), { recursive: true, force: true })
    const { unfinished, ...whole } = volume
    if (unfinished !== undefined) rows.replace(whole)
  }

  async function recoverOne(volume: VolumeRecord): Promise<void> {
    if (volume.unfinished === 'remove') return forget(volume)
    await makeFolder(volume)
    if (volume.unfinished === 'fill') await empty(volume)
  }

  return {
    async list(filters) {
      return rows
        .all()
        .filter((volume) => matchesVolume(volume, filters, isUsed(volume.name)))
        .map(toVolume)
    },

    async inspect(name) {
      return toVolume(existing(name))
    },

    async create(request, { madeFor } = {}) {
      const anonymous = (request.Name ?? '') === ''
      const name = anonymous ? host.randomHex(32) : (request.Name ?? '')
      checkVolumeName(name)
      volumeSource(request)
      return await base.locks.run(`volume:${name}`, async () => {
        const options = request.DriverOpts ?? {}
        const found = rows.get(name)
        if (found !== undefined) {
          if (Object.keys(options).length > 0 && !isDeepStrictEqual(found.options, options))
            throw new ConflictError(`volume ${name} exists with other options`, {
              code: 'VOLUME_OPTIONS_DIFFER',
              hint: `keep its data elsewhere, then: mycompose volume rm ${name}`,
            })
          return toVolume(found)
        }
        const labels = { ...request.Labels, ...(anonymous ? { [ANONYMOUS_LABEL]: '' } : {}) }
        const made = { name, created: host.clock.nowRfc3339(), labels, options, anonymous }
        const volume: VolumeRecord = madeFor === undefined ? made : { ...made, madeFor }
        rows.insert(volume)
        try {
          await makeFolder(volume)
        } catch (error) {
          rows.delete(name)
          throw error
        }
        publish('create', name)
        return toVolume(volume)
      })
    },

    async removeMadeFor(containerId) {
      for (const volume of rows.all()) if (volume.anonymous && volume.madeFor === containerId) await forget(volume)
    },

    async remove(name, { force }) {
      if (force && rows.get(name) === undefined) return
      await base.locks.run(`volume:${name}`, () => removeLocked(name))
    },

    async diskUsage() {
      const volumes: Volume[] = []
      for (const volume of rows.all()) {
        const Size = await diskUsageBytes(host.at, folderOf(volume.name))
        const RefCount = usersOf({ volume: volume.name }).length
        volumes.push({ ...toVolume(volume), UsageData: { Size, RefCount } })
      }
      return volumes
    },

    async prune(filters) {
      const candidates = rows
        .all()
        .filter((volume) => (volume.anonymous || asksForAll(filters)) && !isUsed(volume.name)())
        .filter((volume) => matchesVolume(volume, filters, isUsed(volume.name)))
      const deleted: string[] = []
      let reclaimed = 0
      for (const { name } of candidates) {
        const sizeBytes = await diskUsageBytes(host.at, folderOf(name))
        try {
          await base.locks.run(`volume:${name}`, () => removeLocked(name))
        } catch (error) {
          if (error instanceof ConflictError || error instanceof NotFoundError) continue // taken into use, or gone, since
          throw error
        }
        deleted.push(name)
        reclaimed += sizeBytes
      }
      return { VolumesDeleted: deleted, SpaceReclaimed: reclaimed }
    },

    async mount(name, containerId) {
      const volume = existing(name)
      const source = sourceOf(volume)
      const path = mountpointOf(volume)
      if (source.kind !== 'mount') return { path, isMounted: false, readOnly: false }
      await base.locks.run(`volume:${name}`, async () => {
        await mountOnce(existing(name), source)
        holders.set(name, (holders.get(name) ?? new Set()).add(containerId))
      })
      return { path, isMounted: true, readOnly: (source.flags & MS_RDONLY) !== 0 }
    },

    async release(name, containerId) {
      const volume = rows.get(name)
      if (volume === undefined || sourceOf(volume).kind !== 'mount') return
      await base.locks.run(`volume:${name}`, async () => {
        const held = holders.get(name) ?? new Set()
        held.delete(containerId)
        const others = usersOf({ volume: name }).filter(({ id, running }) => running && id !== containerId)
        if (held.size > 0 || others.length > 0) return
        holders.delete(name)
        await unmountOf(volume)
      })
    },

    async copyUp(name, rootfs, path) {
      await base.locks.run(`volume:${name}`, async () => {
        const volume = existing(name)
        const target = mountpointOf(volume)
        // what is mounted by the options is filled at the first start that mounts it
        if (sourceOf(volume).kind === 'mount' && !isMounted(target)) return
        if ((await host.files.readdir(target)).length > 0) return
        if (isFolder(rootfs, path)) await fill(volume, rootfs, path)
      })
    },

    async recover(live) {
      for (const volume of rows.all())
        try {
          const isLive = usersOf({ volume: volume.name }).some(({ id }) => live.includes(id))
          if (!isLive) await unmountOf(volume)
          await recoverOne(volume)
        } catch (error) {
          base.log('warn', 'cannot recover a volume', { volume: volume.name, error: String(error) })
        }
    },
  }
}
