/** The servers that the host itself uses, read again when resolv.conf may have changed (a laptop moves, a VPN comes up). */
import type { EngineBase } from '../../engine/context.ts'
import { RESOLVED_PATH, RESOLV_CONF_PATH, parseResolvConf, upstreamServers } from '../../engine/resolv-conf.ts'

const FRESH_MS = 2000

/** A function that gives the present list; cheap enough to be called for each query. */
export function createUpstreams(base: EngineBase): () => readonly string[] {
  const { files, clock } = base.host
  let servers: readonly string[] = []
  let readAtMs = Number.NEGATIVE_INFINITY
  return () => {
    if (clock.nowMs() - readAtMs < FRESH_MS) return servers
    readAtMs = clock.nowMs()
    const resolved = files.readTextSync(RESOLVED_PATH)
    servers = upstreamServers(
      parseResolvConf(files.readTextSync(RESOLV_CONF_PATH) ?? ''),
      resolved === undefined ? undefined : parseResolvConf(resolved),
    )
    return servers
  }
}
