/**
 * The engine's folders: made, checked and given their modes before anything trusts them. The store is 0700, so that
 * set-uid files in images are out of everybody's reach (CVE-2021-41091); the run folder is 0711, so that members of the
 * socket's group get to the socket.
 */
import { dirname } from 'node:path'
import type { EngineConfig } from './config.ts'
import type { Files } from '../host/host.ts'
import { MycomposeError, errnoOf } from '../errors.ts'

/** As mkdir -p. (Node's own `recursive` spins for ever where the kernel says ENOENT to every mkdir, as in /proc.) */
async function makeFolders(files: Files, path: string, mode: number): Promise<void> {
  try {
    await files.mkdir(path, { mode })
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return
    if (errnoOf(error) !== 'ENOENT' || files.existsSync(dirname(path)))
      throw new MycomposeError(`cannot make the folder ${path}: ${errnoOf(error) ?? String(error)}`, {
        code: 'ROOT_UNUSABLE',
        cause: error,
      })
    await makeFolders(files, dirname(path), 0o755)
    await makeFolders(files, path, mode)
  }
}

/** Makes the folder, or takes it as it is when it is a real folder of ours (no symlink that someone put there). */
async function ensureFolder(files: Files, path: string, mode: number): Promise<void> {
  await makeFolders(files, path, mode)
  const stat = await files.lstat(path)
  if (!stat.isDirectory() || stat.uid !== process.geteuid?.())
    throw new MycomposeError(`${path} is no folder of user ${process.geteuid?.() ?? '?'}`, {
      code: 'ROOT_UNSAFE',
      hint: 'move it away, or choose another folder with --root',
    })
  if ((stat.mode & 0o7777) !== mode) await files.chmod(path, mode)
}

/** Idempotent. Throws ROOT_UNSAFE. */
export async function prepareFolders(files: Files, { paths }: EngineConfig): Promise<void> {
  await ensureFolder(files, paths.root, 0o700)
  await ensureFolder(files, paths.run, 0o711)
  const inside = [paths.layers, paths.layerLinks, paths.blobs, paths.temporary, paths.containers, paths.volumes]
  for (const path of [...inside, paths.netns, paths.exits, paths.runtime, paths.buildSteps])
    await ensureFolder(files, path, 0o700)
}

/** Group id of `name` in /etc/group's text. */
export function findGroupId(groupFile: string, name: string): number | undefined {
  for (const line of groupFile.split('\n')) {
    const [group, , id] = line.split(':')
    if (group === name && id !== undefined && /^\d+$/.test(id)) return Number(id)
  }
  return undefined
}

/** Makes way for the socket: a stale one is removed, anything else is left alone. Throws ROOT_UNSAFE. */
export async function clearSocketPath(files: Files, path: string): Promise<void> {
  const stat = await files.lstat(path).catch(() => undefined)
  if (stat === undefined) return
  if (!stat.isSocket())
    throw new MycomposeError(`${path} is in the way: it is no socket`, { code: 'ROOT_UNSAFE', hint: 'move it away' })
  await files.unlink(path)
}

/** 0660, root and the group "mycompose" if there is one: whoever may use it is root on the machine. */
export async function openSocketToGroup(files: Files, path: string): Promise<void> {
  const groups = (await files.readTextIfExists('/etc/group')) ?? ''
  const groupId = findGroupId(groups, 'mycompose')
  if (groupId !== undefined) await files.chown(path, 0, groupId)
  await files.chmod(path, groupId === undefined ? 0o600 : 0o660)
}
