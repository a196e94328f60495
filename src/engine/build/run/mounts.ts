/** The mounts of a RUN step made ready: what the runtime has to bind where, and the variables that come with them. */
import { join, posix } from 'node:path'
import { MycomposeError } from '../../../errors.ts'
import type { SourcedMount } from '../../containers/mount-sources.ts'
import { copyLayers } from '../../layers/copy-tree.ts'
import type { RunMount } from '../plan.ts'
import { provideBind, type MountOrigin } from './bind-source.ts'
import { cacheMountKey, type CacheMountWish, type HeldCacheMount } from './cache-mounts.ts'
import { makeMountPoints, type MountPoint } from './mount-points.ts'
import { openSshProxy } from './ssh-proxy.ts'
import type { RunContext, RunStep } from './step.ts'
import type { StepFolder } from './step-folder.ts'

export interface ProvidedMounts {
  readonly mounts: readonly SourcedMount[]
  /** "KEY=value" of secrets, in their order. */
  readonly env: readonly string[]
  /** Where the first agent's socket is. */
  readonly agentSocket: string | undefined
  /** Where something is mounted in the root file system itself. */
  readonly points: readonly MountPoint[]
}

type Mount<K extends RunMount['kind']> = Extract<RunMount, { readonly kind: K }>

interface Task {
  readonly context: RunContext
  readonly step: RunStep
  readonly folder: StepFolder
  readonly undo: AsyncDisposableStack
  readonly signal: AbortSignal
  readonly caches: ReadonlyMap<string, HeldCacheMount>
}

/** PURE */
function bindOf(source: string, destination: string, readOnly: boolean): SourcedMount {
  const more = { propagation: '', recursive: false, createSource: false, mode: '' } as const
  return { kind: 'bind', source, destination, readOnly, ...more }
}

/** PURE: `path` lies in the folder `folder`. */
const isBelow = (path: string, folder: string): boolean => path.startsWith(`${folder}/`)

function originOf({ step }: Task, index: number): MountOrigin {
  const origin = step.origins.get(index)
  if (origin === undefined) throw new Error(`mount ${index} has no origin`)
  return origin
}

async function provideBindMount(task: Task, mount: Mount<'bind'>, index: number): Promise<SourcedMount> {
  const { context, folder, step, undo } = task
  const { source, target, readOnly } = mount
  const holdsMounts = step.work.mounts.some((other) => other.target !== undefined && isBelow(other.target, target))
  const wish = { origin: originOf(task, index), source, target, readOnly, number: index, holdsMounts }
  return bindOf(await provideBind(context, folder, wish, undo), target, readOnly)
}

const WHOLE = new Set(['', '.', '/'])

/** PURE */
function cacheWish(mount: Mount<'cache'>, origin: MountOrigin | undefined): CacheMountWish {
  const { id, sharing, mode, uid, gid, source } = mount
  const content = origin === undefined ? '' : JSON.stringify([origin.identity, posix.join('/', source)])
  return { id, sharing, mode, uid, gid, origin: content }
}

/** All of the step, each once, in the order of their keys: see cacheMountKey. */
async function holdCaches(task: Omit<Task, 'caches'>): Promise<Map<string, HeldCacheMount>> {
  const { context, step, undo, signal } = task
  const wishes = new Map<string, { wish: CacheMountWish; mount: Mount<'cache'>; index: number }>()
  for (const [index, mount] of step.work.mounts.entries()) {
    if (mount.kind !== 'cache') continue
    const wish = cacheWish(mount, step.origins.get(index))
    const key = cacheMountKey(wish)
    // shared with one that is locked in the same step: locked
    if (wishes.get(key)?.wish.sharing !== 'locked') wishes.set(key, { wish, mount, index })
  }
  const held = new Map<string, HeldCacheMount>()
  for (const [key, { wish, mount, index }] of [...wishes].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const fill = (target: string): Promise<void> => fillCache(task, { mount, index }, target)
    const cache = await context.cacheMounts.hold(wish, fill, signal)
    undo.defer(() => cache.release())
    held.set(key, cache)
  }
  return held
}

/** A copy of the origin's folder. */
async function fillCache(
  { context, step, folder, signal }: Omit<Task, 'caches'>,
  { mount, index }: { mount: Mount<'cache'>; index: number },
  target: string,
): Promise<void> {
  const origin = step.origins.get(index)
  if (origin === undefined) return
  await using undo = new AsyncDisposableStack()
  const wish = { origin, source: mount.source, target: mount.target, readOnly: true, holdsMounts: false }
  const path = await provideBind(context, { ...folder, mounts: folder.folder }, { ...wish, number: index }, undo)
  undo.defer(async () => void (await context.host.mounts.umountAsync(path)))
  await copyLayers(context.host.at, [path], target, signal)
}

async function provideCache(task: Task, mount: Mount<'cache'>, index: number): Promise<SourcedMount> {
  const { context, folder, step } = task
  const origin = step.origins.get(index)
  const held = task.caches.get(cacheMountKey(cacheWish(mount, origin)))
  if (held === undefined) throw new Error(`cache ${mount.id} is not held`)
  if (origin !== undefined || WHOLE.has(mount.source)) return bindOf(held.folder, mount.target, mount.readOnly)
  // what others put there meanwhile may be links: the folder is bound as it is found now
  context.host.rooted.makeFolders(held.folder, mount.source, 0o755)
  const inside: MountOrigin = { folder: held.folder, kind: 'cache', identity: '' }
  const { source, target, readOnly } = mount
  const wish = { origin: inside, source, target, readOnly, number: index, holdsMounts: false }
  return bindOf(await provideBind(context, folder, wish, task.undo), target, readOnly)
}

/** What is larger cannot be a variable: MAX_ARG_STRLEN. */
const MAX_VARIABLE_BYTES = 128 * 1024

function missing(kind: string, id: string, hint: string): MycomposeError {
  return new MycomposeError(`the step needs the ${kind} ${JSON.stringify(id)}, which the build does not have`, {
    code: kind === 'secret' ? 'BUILD_SECRET_MISSING' : 'BUILD_SSH_MISSING',
    hint,
  })
}

/** The file, the variable, or both. */
async function provideSecret(task: Task, mount: Mount<'secret'>, index: number): Promise<Partial<ProvidedMounts>> {
  const { context, folder, step } = task
  const value = step.secrets.get(mount.id)
  if (value === undefined) {
    if (!mount.required) return {}
    throw missing('secret', mount.id, `give it: --secret id=${mount.id},src=FILE, or "secrets" of "build"`)
  }
  const { env, target, mode, uid, gid } = mount
  if (env !== undefined && (value.includes(0) || value.length > MAX_VARIABLE_BYTES))
    throw new MycomposeError(`the secret ${JSON.stringify(mount.id)} cannot be the variable ${env}`, {
      code: 'BUILD_SECRET_VALUE',
      hint: 'it holds a NUL byte or more than 128 KiB: mount it as a file',
    })
  const variables = env === undefined ? [] : [`${env}=${value.toString('utf8')}`]
  if (target === undefined) return { env: variables }
  const { files } = context.host
  const path = join(folder.mounts, String(index))
  await files.writeFile(path, value, { mode: 0o600 })
  await files.chown(path, uid, gid)
  await files.chmod(path, mode)
  return { env: variables, mounts: [bindOf(path, target, true)] }
}

async function provideSsh(task: Task, mount: Mount<'ssh'>, index: number): Promise<Partial<ProvidedMounts>> {
  const { context, folder, step, undo } = task
  const agentPath = step.ssh.get(mount.id)
  if (agentPath === undefined) {
    if (!mount.required) return {}
    throw missing('ssh agent', mount.id, `give it: --ssh ${mount.id}, or "ssh" of "build"`)
  }
  const { target, mode, uid, gid } = mount
  const path = join(folder.mounts, String(index))
  undo.use(await openSshProxy(context.host.files, { path, agentPath, mode, uid, gid }))
  return { agentSocket: target, mounts: [bindOf(path, target, false)] }
}

/** A script with "#!" lies where the plan says that it is run. */
async function provideScript({ context, folder, step }: Task): Promise<Partial<ProvidedMounts>> {
  const { script, argv } = step.work
  if (script === undefined) return {}
  const [target] = argv
  if (target === undefined || !isBelow(target, '/dev')) throw new Error('a script is run from /dev/pipes')
  const path = join(folder.mounts, 'script')
  await context.host.files.writeFile(path, script, { mode: 0o755 })
  return { mounts: [bindOf(path, target, true)] }
}

async function provideOne(task: Task, mount: RunMount, index: number): Promise<Partial<ProvidedMounts>> {
  switch (mount.kind) {
    case 'bind':
      return { mounts: [await provideBindMount(task, mount, index)] }
    case 'cache':
      return { mounts: [await provideCache(task, mount, index)] }
    case 'tmpfs': {
      const size = mount.sizeBytes === undefined ? [] : [`size=${mount.sizeBytes}`]
      return { mounts: [{ kind: 'tmpfs', destination: mount.target, options: ['exec', 'dev', ...size] }] }
    }
    case 'secret':
      return provideSecret(task, mount, index)
    case 'ssh':
      return provideSsh(task, mount, index)
    default:
      return mount satisfies never
  }
}

/** Made in `folder` and undone by `undo`. Throws InvalidRequestError (a source that is not there), BUILD_SECRET_MISSING ... */
export async function provideMounts(
  context: RunContext,
  step: RunStep,
  { folder, undo, signal }: { folder: StepFolder; undo: AsyncDisposableStack; signal: AbortSignal },
): Promise<ProvidedMounts> {
  const caches = await holdCaches({ context, step, folder, undo, signal })
  const task: Task = { context, step, folder, undo, signal, caches }
  const provided: Partial<ProvidedMounts>[] = [await provideScript(task)]
  for (const [index, mount] of step.work.mounts.entries()) provided.push(await provideOne(task, mount, index))
  const mounts = provided.flatMap((each) => each.mounts ?? [])
  const points = await pointsFor(context, mounts)
  // inside binds of folders the mount points are made in what is thrown away, inside all else by the runtime
  const binds = new Set(step.work.mounts.flatMap((mount) => (mount.kind === 'bind' ? [mount.target] : [])))
  for (const [outer, inner] of points)
    if (outer !== undefined && binds.has(outer.destination) && outer.kind === 'bind')
      makeMountPoints(context.host.at, outer.source, inner)
  return {
    mounts,
    env: provided.flatMap((each) => each.env ?? []),
    agentSocket: provided.find((each) => each.agentSocket !== undefined)?.agentSocket,
    points: points.get(undefined) ?? [],
  }
}

const SYSTEM = ['/proc', '/dev', '/sys']

/** Mount points by the mount that they are in, relative to it; undefined: in the root file system. The system's are made by the runtime. */
async function pointsFor(
  { host }: RunContext,
  mounts: readonly SourcedMount[],
): Promise<Map<SourcedMount | undefined, MountPoint[]>> {
  const points = new Map<SourcedMount | undefined, MountPoint[]>()
  for (const mount of mounts) {
    const { destination } = mount
    if (SYSTEM.some((folder) => isBelow(destination, folder))) continue
    const outer = mounts
      .filter((other) => isBelow(destination, other.destination))
      .toSorted((a, b) => b.destination.length - a.destination.length)[0]
    const isFolder = mount.kind === 'tmpfs' || (await host.files.stat(mount.source)).isDirectory()
    const path = destination.slice(outer?.destination.length ?? 0)
    points.set(outer, [...(points.get(outer) ?? []), { path, kind: isFolder ? 'folder' : 'file' }])
  }
  return points
}
