/**
 * The lowest layer of every container: empty mount points for what the OCI runtime mounts. Where an image has none, the
 * runtime would else make them in each container's write layer, seven files that somebody has to remove again and that
 * `commit` would take for the user's. An image's own files stand above and win. Docker has the same in its "-init" layer.
 */
import { join } from 'node:path'
import type { EngineBase } from '../context.ts'

/** Beside the short links of the layers, so that a long stack can be named relative to one folder. */
export const FLOOR_NAME = 'floor'

const FOLDERS = ['dev', 'proc', 'sys', 'etc'] as const
const FILES = ['etc/hosts', 'etc/hostname', 'etc/resolv.conf'] as const

/** Its path. Made when it is not there; what is there already stays. */
export async function ensureFloorLayer({ host, config }: EngineBase): Promise<string> {
  const floor = join(config.paths.layerLinks, FLOOR_NAME)
  const last = join(floor, FILES[2])
  if (host.files.existsSync(last)) return floor
  for (const name of ['', ...FOLDERS]) await host.files.mkdir(join(floor, name), { recursive: true, mode: 0o755 })
  for (const name of FILES) await host.files.writeFile(join(floor, name), '', { mode: 0o644 })
  return floor
}
