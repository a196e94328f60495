/**
 * Paths as text: what a relative path of a file means. Nothing here looks at the disk.
 */
import { posix } from 'node:path'

/** "~" and "~/x" stand for the home; a relative path for one below `baseDir`. */
export function resolvePath(path: string, baseDir: string, homeDir: string | undefined): string {
  if (homeDir !== undefined && (path === '~' || path.startsWith('~/'))) return posix.join(homeDir, path.slice(1))
  return isWindowsPath(path) ? path : posix.resolve(baseDir, path)
}

/** "C:\\x", "c:/x" or "\\\\.\\pipe\\x": absolute there, and nothing here. */
export function isWindowsPath(path: string): boolean {
  return /^([a-zA-Z]:[\\/]|\\\\)/.test(path)
}

/** A build context or include that is no local path: a URL, `git@host:...`, or `scheme:rest`. */
export function isRemote(path: string): boolean {
  return /^[a-z][a-z\d+.-]*:\/\//i.test(path) || /^(git@|github\.com\/|docker-image:|oci:|service:|target:)/.test(path)
}

/** What to do instead of naming a file of another machine. */
export const FETCH_FIRST = 'fetch it first (git clone, oras pull), then name the local copy'

/** The absolute path without ".", ".." and double slashes; relative ones keep their form. */
export function cleanPath(path: string): string {
  return posix.normalize(path).replace(/(.)\/$/, '$1')
}
