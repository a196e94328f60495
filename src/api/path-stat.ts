/**
 * The header X-Docker-Container-Path-Stat: base64 of JSON, the mode as Go's FileMode. Source: Docker Engine API,
 * ContainerArchiveInfo; Go's io/fs.FileMode. PURE.
 */
import type { PathStat } from './client/client.ts'

const GO_MODE_DIR = 2 ** 31

/** Undefined when it cannot be read. */
export function parsePathStat(header: string): PathStat | undefined {
  let value: { name?: unknown; size?: unknown; mode?: unknown; linkTarget?: unknown }
  try {
    value = JSON.parse(Buffer.from(header, 'base64').toString('utf8')) as typeof value
  } catch {
    return undefined
  }
  const { name, size, mode, linkTarget } = value
  if (typeof name !== 'string' || typeof mode !== 'number') return undefined
  return {
    name,
    size: typeof size === 'number' ? size : 0,
    isFolder: mode >= GO_MODE_DIR,
    linkTarget: typeof linkTarget === 'string' ? linkTarget : '',
  }
}
