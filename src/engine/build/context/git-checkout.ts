/**
 * A fresh checkout made what a build takes: without git's own folders, only the wanted part of the repository, modes as git
 * records them whatever our umask was, times of the commit. By descriptors: a link of the repository in the place of the
 * wanted folder, or on the way to it, is refused. Source: CVE-2026-33748; man 2 openat2.
 */
import { InvalidRequestError, errnoOf } from '../../../errors.ts'
import type { ByteString } from '../../../host/at.ts'
import type { Host } from '../../../host/host.ts'
import { bytesOf, shownPath } from '../files/paths.ts'
import { createTurns } from '../files/selection.ts'

export interface CheckoutWish {
  /** Of the repository: becomes all of it. */
  readonly folder: string
  readonly keepsGitDir: boolean
  readonly mtimeNs: bigint
}

const GIT = '.git'

function openWanted({ at }: Host, root: number, folder: string): number {
  try {
    return at.openFolder(root, bytesOf(folder), 'no-links')
  } catch (cause) {
    if (!['ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV'].includes(errnoOf(cause) ?? '')) throw cause
    const why =
      errnoOf(cause) === 'ENOENT' ? 'is not in the repository' : 'is no folder of the repository (a link or a file)'
    throw new InvalidRequestError(`${shownPath(bytesOf(folder))} ${why}`, { code: 'GIT_FOLDER', cause })
  }
}

async function settle(host: Host, folder: number, mtimeNs: bigint, takeTurn: () => Promise<void>): Promise<void> {
  const { at, statx } = host
  await takeTurn()
  for (const name of at.names(folder)) {
    const file = statx(folder, name)
    if (file?.kind === 'folder') {
      const inside = at.openFolder(folder, name, 'no-links')
      try {
        await settle(host, inside, mtimeNs, takeTurn)
      } finally {
        at.close(inside)
      }
      at.chmod(folder, name, 0o755)
    } else if (file?.kind === 'file') at.chmod(folder, name, (file.mode & 0o100) === 0 ? 0o644 : 0o755)
    if (file !== undefined) at.setTimes(folder, name, mtimeNs)
  }
}

/** git's own: the repository's, and the files ".git" of submodules. */
function removeGit({ at, statx }: Host, folder: number): void {
  at.remove(folder, GIT)
  for (const name of at.names(folder)) {
    if (statx(folder, name)?.kind !== 'folder') continue
    const inside = at.openFolder(folder, name, 'no-links')
    try {
      removeGit({ at, statx } as Host, inside)
    } finally {
      at.close(inside)
    }
  }
}

/** `path`: the checkout, absolute; in the end all that it holds is what was wished. Throws InvalidRequestError (GIT_FOLDER). */
export async function settleCheckout(
  { host }: { readonly host: Host },
  path: string,
  { folder, keepsGitDir, mtimeNs }: CheckoutWish,
): Promise<void> {
  const { at } = host
  using open = new DisposableStack()
  const root = open.adopt(at.openRoot(path), (fd) => at.close(fd))
  if (!keepsGitDir) removeGit(host, root)
  if (folder !== '') {
    const wanted = open.adopt(openWanted(host, root, folder), (fd) => at.close(fd))
    const first = bytesOf(folder.split('/')[0] ?? '')
    const names = at.names(wanted)
    for (const name of at.names(root)) if (name !== first) at.remove(root, name)
    const aside = `.wanted-${host.randomHex(8)}`
    at.makeFolder(root, aside, 0o700)
    const target = open.adopt(at.openFolder(root, aside, 'no-links'), (fd) => at.close(fd))
    for (const name of names) await move(host, wanted, target, name)
    at.remove(root, first)
    for (const name of names) await move(host, target, root, name)
    at.remove(root, aside)
  }
  await settle(host, root, mtimeNs, createTurns(undefined))
  at.chmod(root, '.', 0o755)
  at.setTimes(root, '.', mtimeNs)
}

/** By descriptors through /proc: the folders are ours, and nobody else writes there. */
async function move({ files }: Host, from: number, to: number, name: ByteString): Promise<void> {
  const path = (fd: number): Buffer => Buffer.from(`/proc/self/fd/${fd}/${name}`, 'latin1')
  await files.rename(path(from), path(to))
}
