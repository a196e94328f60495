/** Which OCI runtime a container gets: crun, else runc; `runtime:` names another, or its path. */
import { InvalidRequestError, UnsupportedError } from '../../errors.ts'
import type { Host } from '../../host/host.ts'
import type { EngineConfig } from '../config.ts'
import type { CgroupLayout } from '../cgroups/layout.ts'
import { createCrun } from './crun.ts'
import { createOtherRuntime, otherRuntimePath } from './other.ts'
import { findProgram } from './programs.ts'
import { createRunc } from './runc.ts'
import type { OciRuntime } from './runtime.ts'

export interface Runtimes {
  /** `name` as in HostConfig.Runtime; "" or undefined: the default. Throws InvalidRequestError, UnsupportedError. */
  byName(name: string | undefined): OciRuntime
  close(): Promise<void>
}

/** What dockerd calls its default. */
const DEFAULT_NAMES = new Set(['', 'default', 'io.containerd.runc.v2'])

export function findRuntimes(host: Host, config: EngineConfig, layout: CgroupLayout): Runtimes {
  const crunPath = findProgram(host, 'crun')
  const runcPath = findProgram(host, 'runc')
  const found: OciRuntime[] = [
    ...(crunPath === undefined ? [] : [createCrun(host, config, layout, crunPath)]),
    ...(runcPath === undefined ? [] : [createRunc(host, config, runcPath)]),
  ]
  /** Those with a path or another name are added when they are first asked for. */
  function other(name: string): OciRuntime | undefined {
    const path = otherRuntimePath(host, name)
    if (path === undefined) return undefined
    const runtime = createOtherRuntime(host, config, name, path)
    found.push(runtime)
    return runtime
  }

  return {
    byName(name = '') {
      const runtime = DEFAULT_NAMES.has(name)
        ? found[0]
        : (found.find((candidate) => candidate.name === name) ?? other(name))
      if (runtime !== undefined) return runtime
      if (found.length === 0)
        throw new UnsupportedError('no OCI runtime is installed', {
          code: 'PROGRAM_MISSING',
          hint: 'apt-get install crun',
        })
      throw new InvalidRequestError(`unknown or invalid runtime name: ${name}`, {
        hint: `known here: ${found.map((candidate) => candidate.name).join(', ')}; any other by the path of its program`,
      })
    },
    async close() {
      for (const runtime of found) await runtime.close()
    },
  }
}
