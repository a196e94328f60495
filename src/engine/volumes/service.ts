/**
 * Volumes of the local driver: volumes/<name>/_data under the engine's root, or a host folder that the options name.
 * A row without a folder is finished or forgotten at start; a folder without a row is left alone: it may hold data.
 */
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Volume } from '../../api/types/index.ts'
import { ConflictError, InvalidRequestError, NotFoundError, errnoOf } from '../../errors.ts'
import { volumeRows, type VolumeRecord } from '../../state/volumes.ts'
import type { EngineBase } from '../context.ts'
import { packFrom, statPath, unpackInto } from '../layers/archive.ts'
import { diskUsageBytes } from '../layers/disk-usage.ts'
import type { ContainerService, VolumeService } from '../services.ts'
import { asksForAll, matchesVolume } from './filters.ts'
import { boundFolder, checkVolumeName } from './options.ts'

export interface VolumeDependencies {
  readonly usersOf: ContainerService['usersOf']
}

/** Docker's mark of a volume that was made without a name, for whoever meets it by its name later. */
const ANONYMOUS_LABEL = 'com.docker.volume.anonymous'

export function createVolumeService(base: EngineBase, { usersOf }: VolumeDependencies): VolumeService {
  const { config, host } = base
  const rows = volumeRows(base.state)

  const folderOf = (name: string): string => join(config.paths.volumes, name)
  const mountpointOf = (volume: VolumeRecord): string =>
    boundFolder({ DriverOpts: volume.options }) ?? join(folderOf(volume.name), '_data')
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
    const bound = boundFolder({ DriverOpts: volume.options })
    if (bound === undefined) {
      await host.files.mkdir(folderOf(volume.name), { recursive: true, mode: 0o701 })
      await host.files.mkdir(mountpointOf(volume), { recursive: true, mode: 0o755 })
      return
    }
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

  async function forget(volume: VolumeRecord): Promise<void> {
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
  async function fill(target: string, rootfs: string, path: string): Promise<void> {
    try {
      await unpackInto(host, target, '/', packFrom(host, rootfs, `${path}/.`).tar, { setsRoot: true })
    } catch (error) {
      for (const name of await host.files.readdir(target))
        await host.files.rm(join(target, name), { recursive: true, force: true })
      throw error
    }
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

    async create(request) {
      const anonymous = (request.Name ?? '') === ''
      const name = anonymous ? host.randomHex(32) : (request.Name ?? '')
      checkVolumeName(name)
      boundFolder(request)
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
        const volume = { name, created: host.clock.nowRfc3339(), labels, options, anonymous }
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

    async remove(name, { force }) {
      if (force && rows.get(name) === undefined) return
      await base.locks.run(`volume:${name}`, () => removeLocked(name))
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

    async copyUp(name, rootfs, path) {
      await base.locks.run(`volume:${name}`, async () => {
        const volume = existing(name)
        // a bound folder is the user's own: nothing is written into it unasked
        if (Object.keys(volume.options).length > 0) return
        const target = mountpointOf(volume)
        if ((await host.files.readdir(target)).length > 0) return
        if (isFolder(rootfs, path)) await fill(target, rootfs, path)
      })
    },

    async recover() {
      for (const volume of rows.all())
        try {
          await makeFolder(volume)
        } catch (error) {
          base.log('warn', 'the folder of a volume is not there', { volume: volume.name, error: String(error) })
        }
    },
  }
}
