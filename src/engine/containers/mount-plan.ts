/**
 * PURE: from the five ways to ask for a mount (Binds, Mounts, Tmpfs, Volumes, VolumesFrom) to one list, one entry per
 * destination, sorted. Names of volumes are still wishes: create.ts makes them. Source: moby volume/mounts (linux
 * parser) and daemon/volumes.go (order: volumes-from, binds, mounts; then tmpfs; anonymous last).
 */
import { posix } from 'node:path'
import { InvalidRequestError } from '../../errors.ts'
import type { ContainerConfig, HostConfig, Mount, VolumeCreateRequest } from '../../api/types/index.ts'
import type { MountRecord } from '../../state/containers.ts'

export type MountWish =
  | Extract<MountRecord, { kind: 'bind' | 'tmpfs' }>
  | {
      readonly kind: 'volume'
      readonly destination: string
      readonly readOnly: boolean
      readonly copyUp: boolean
      readonly subpath: string
      readonly mode: string
      /** Name absent: anonymous. */
      readonly request: VolumeCreateRequest
    }
  | { readonly kind: 'image'; readonly destination: string; readonly reference: string; readonly subpath: string }
  /** Taken from another container as it is. */
  | { readonly kind: 'shared'; readonly destination: string; readonly record: MountRecord }

const PROPAGATIONS = new Set(['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'])
const BIND_MODES = new Set(['ro', 'rw', 'z', 'Z', 'nocopy', 'consistent', 'cached', 'delegated', 'U', 'rbind', 'bind'])
const VOLUME_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/

function cleanDestination(path: string): string {
  if (!path.startsWith('/')) throw new InvalidRequestError(`invalid mount path: '${path}' mount path must be absolute`)
  const clean = posix.normalize(path).replace(/(?<=.)\/$/, '')
  if (clean === '/') throw new InvalidRequestError("invalid volume specification: destination can't be '/'")
  if (path.includes('\0')) throw new InvalidRequestError('invalid mount path: NUL in it')
  return clean
}

function checkModes(spec: string, modes: readonly string[]): void {
  const unknown = modes.find((mode) => !BIND_MODES.has(mode) && !PROPAGATIONS.has(mode))
  if (unknown !== undefined || (modes.includes('ro') && modes.includes('rw')))
    throw new InvalidRequestError(`invalid mode: ${unknown ?? 'ro,rw'}, in ${JSON.stringify(spec)}`)
}

/** @example parseBind("/src:/dst:ro"), parseBind("data:/var/lib"), parseBind("/anonymous") */
export function parseBind(spec: string): MountWish {
  const parts = spec.split(':')
  if (parts.length > 3 || parts.some((part) => part === ''))
    throw new InvalidRequestError(`invalid volume specification: '${spec}'`)
  const [source, destination] = parts.length === 1 ? [undefined, parts[0]] : parts
  const mode = parts[2] ?? ''
  const modes = mode === '' ? [] : mode.split(',')
  checkModes(spec, modes)
  const common = { destination: cleanDestination(destination ?? ''), readOnly: modes.includes('ro'), mode }
  if (source?.startsWith('/') === true)
    return {
      kind: 'bind',
      ...common,
      source: posix.normalize(source).replace(/(?<=.)\/$/, ''),
      propagation: modes.find((candidate) => PROPAGATIONS.has(candidate)) ?? '',
      recursive: true,
      createSource: true,
    }
  if (source !== undefined && !VOLUME_NAME.test(source))
    throw new InvalidRequestError(
      `${JSON.stringify(source)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed`,
      { hint: 'to mount a folder of this machine, give an absolute path' },
    )
  const request = source === undefined ? {} : { Name: source }
  return { kind: 'volume', ...common, copyUp: !modes.includes('nocopy'), subpath: '', request }
}

function volumeWish(mount: Mount, destination: string): MountWish {
  const { VolumeOptions: options = {}, Source: name = '' } = mount
  if (name !== '' && !VOLUME_NAME.test(name))
    throw new InvalidRequestError(`invalid volume name ${JSON.stringify(name)}`)
  return {
    kind: 'volume',
    destination,
    readOnly: mount.ReadOnly ?? false,
    copyUp: options.NoCopy !== true,
    subpath: localSubpath(options.Subpath ?? ''),
    mode: 'z',
    request: {
      ...(name === '' ? {} : { Name: name }),
      ...(options.Labels === undefined ? {} : { Labels: options.Labels }),
      ...(options.DriverConfig?.Name === undefined || options.DriverConfig.Name === ''
        ? {}
        : { Driver: options.DriverConfig.Name }),
      ...(options.DriverConfig?.Options === undefined ? {} : { DriverOpts: options.DriverConfig.Options }),
    },
  }
}

function readOnlyBelow(
  options: NonNullable<Mount['BindOptions']>,
  readOnly: boolean,
): { readonly readOnlyBelow?: 'never' | 'always' } {
  const { ReadOnlyNonRecursive: never = false, ReadOnlyForceRecursive: always = false } = options
  if ((never || always) && !readOnly)
    throw new InvalidRequestError('mount options ReadOnlyNonRecursive and ReadOnlyForceRecursive need ReadOnly')
  if (never && always)
    throw new InvalidRequestError('mount options ReadOnlyNonRecursive and ReadOnlyForceRecursive exclude each other')
  return never ? { readOnlyBelow: 'never' } : always ? { readOnlyBelow: 'always' } : {}
}

function imageWish({ Source: reference = '', ImageOptions: options = {} }: Mount, destination: string): MountWish {
  if (reference === '')
    throw new InvalidRequestError('invalid mount config for type "image": field Source must not be empty')
  return { kind: 'image', destination, reference, subpath: localSubpath(options.Subpath ?? '') }
}

/** A path inside a volume or an image. Throws InvalidRequestError for one that leads out. */
function localSubpath(subpath: string): string {
  if (!subpath.startsWith('/') && !subpath.split('/').includes('..')) return subpath
  throw new InvalidRequestError(`subpath ${JSON.stringify(subpath)} must be a relative path within the volume`)
}

export function parseMount(mount: Mount): MountWish {
  const destination = cleanDestination(mount.Target)
  switch (mount.Type) {
    case 'bind': {
      const { Source: source = '', BindOptions: options = {} } = mount
      if (!source.startsWith('/'))
        throw new InvalidRequestError(
          `invalid mount config for type "bind": invalid mount path: '${source}' mount path must be absolute`,
        )
      const propagation = options.Propagation ?? ''
      if (propagation !== '' && !PROPAGATIONS.has(propagation))
        throw new InvalidRequestError(`invalid propagation mode ${JSON.stringify(propagation)}`)
      return {
        kind: 'bind',
        source: posix.normalize(source),
        destination,
        readOnly: mount.ReadOnly ?? false,
        propagation,
        recursive: options.NonRecursive !== true,
        ...readOnlyBelow(options, mount.ReadOnly ?? false),
        createSource: options.CreateMountpoint ?? false,
        mode: '',
      }
    }
    case 'volume':
      return volumeWish(mount, destination)
    case 'tmpfs': {
      const { SizeBytes = 0, Mode } = mount.TmpfsOptions ?? {}
      return {
        kind: 'tmpfs',
        destination,
        options: [
          ...(SizeBytes > 0 ? [`size=${SizeBytes}`] : []),
          ...(Mode === undefined || Mode === 0 ? [] : [`mode=${Mode.toString(8)}`]),
          ...(mount.ReadOnly === true ? ['ro'] : []),
        ],
      }
    }
    case 'image':
      return imageWish(mount, destination)
    default:
      throw new InvalidRequestError(`invalid mount type ${JSON.stringify(mount.Type satisfies never)}`)
  }
}

const TMPFS_OPTION =
  /^(?:(?:no)?(?:exec|suid|dev|atime|diratime)|ro|rw|relatime|strictatime|sync|async|(?:size|mode|uid|gid|nr_inodes|nr_blocks|mpol|huge)=[\w.%:,-]+)$/

function parseTmpfs(path: string, text: string): MountWish {
  const options = text.split(',').filter((option) => option !== '')
  const unknown = options.find((option) => !TMPFS_OPTION.test(option))
  if (unknown !== undefined)
    throw new InvalidRequestError(`invalid tmpfs option ${JSON.stringify(unknown)} for ${path}`)
  return { kind: 'tmpfs', destination: cleanDestination(path), options }
}

/** `othersMounts`: the mounts of a container named in VolumesFrom. */
export function planMounts(
  config: ContainerConfig,
  host: HostConfig,
  othersMounts: (container: string) => readonly MountRecord[],
): MountWish[] {
  const wishes = new Map<string, MountWish>()
  const explicit = new Set<string>()
  const add = (wish: MountWish): void => {
    if (explicit.has(wish.destination)) throw new InvalidRequestError(`Duplicate mount point: ${wish.destination}`)
    explicit.add(wish.destination)
    wishes.set(wish.destination, wish)
  }
  for (const spec of host.VolumesFrom ?? []) {
    const [container = '', mode = 'rw'] = spec.split(':')
    if (mode !== 'ro' && mode !== 'rw' && mode !== 'z') throw new InvalidRequestError(`invalid volumes-from ${spec}`)
    for (const record of othersMounts(container)) {
      if (record.kind === 'tmpfs') continue
      const shared = record.kind === 'image' ? record : { ...record, readOnly: record.readOnly || mode === 'ro' }
      wishes.set(record.destination, { kind: 'shared', destination: record.destination, record: shared })
    }
  }
  for (const bind of host.Binds ?? []) add(parseBind(bind))
  for (const mount of host.Mounts ?? []) add(parseMount(mount))
  for (const [path, options] of Object.entries(host.Tmpfs ?? {})) add(parseTmpfs(path, options))
  for (const path of Object.keys(config.Volumes ?? {})) {
    const destination = cleanDestination(path)
    if (!wishes.has(destination))
      wishes.set(destination, {
        kind: 'volume',
        destination,
        readOnly: false,
        copyUp: true,
        subpath: '',
        mode: '',
        request: {},
      })
  }
  return [...wishes.values()].toSorted((a, b) => (a.destination < b.destination ? -1 : 1))
}
