/** Finds the programs that the engine needs in the folders where distributions put them. */
import { join } from 'node:path'
import { UnsupportedError } from '../../errors.ts'
import type { Host } from '../../host/host.ts'

const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/libexec/podman']

/** The first path that exists, or undefined. sync */
export function findProgram(host: Host, name: string): string | undefined {
  return FOLDERS.map((folder) => join(folder, name)).find((path) => host.files.existsSync(path))
}

/** Throws UnsupportedError with the package to install. */
export function requireProgram(host: Host, name: string, packageName: string): string {
  const path = findProgram(host, name)
  if (path !== undefined) return path
  throw new UnsupportedError(`${name} is not installed`, {
    code: 'PROGRAM_MISSING',
    hint: `apt-get install ${packageName}`,
  })
}
