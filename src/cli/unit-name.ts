/** What the engine's systemd unit is called and where it lies; apart from systemd.ts, as every start of an engine asks. */
// oxlint-disable-next-line no-restricted-imports -- pure: only derives names and paths from the root folder
import { DEFAULT_ROOT, type EngineConfig } from '../engine/config.ts'
import type { CliIo } from './io.ts'

/** "mycompose.service", or "mycompose-<id>.service" for another root than the usual. */
export function unitName({ id, paths }: EngineConfig): string {
  return paths.root === DEFAULT_ROOT ? 'mycompose.service' : `mycompose-${id}.service`
}

export function unitPath(config: EngineConfig): string {
  return `/etc/systemd/system/${unitName(config)}`
}

/** systemd is this machine's init. Source: sd_booted(3). */
export function hasSystemd(io: CliIo): boolean {
  return io.host.files.existsSync('/run/systemd/system')
}
