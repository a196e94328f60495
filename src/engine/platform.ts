/** What had to be found on the machine to run processes: cgroups, runtimes, limits. Opened at the first need, shared by all. */
import { createHash } from 'node:crypto'
import { openCgroups, type Cgroups } from './cgroups/cgroups.ts'
import { detectCgroupLayout } from './cgroups/layout.ts'
import { readMachine, type Machine } from './containers/machine.ts'
import type { SeccompChoice } from './containers/spec/spec.ts'
import type { EngineBase } from './context.ts'
import { findRuntimes, type Runtimes } from './runtime/choose.ts'
import type { OciRuntime } from './runtime/runtime.ts'
import type { SeccompFilter } from '../host/seccomp.ts'

export interface Platform {
  readonly cgroups: Cgroups
  readonly runtimes: Runtimes
  readonly machine: Machine
  /** Compiled once for each distinct list; where that is not possible the runtime gets the list. */
  readonly seccompFor: (runtime: OciRuntime, filter: SeccompFilter) => SeccompChoice
}

type Base = Pick<EngineBase, 'host' | 'config'>

function createSeccompFor({ host }: Base): Platform['seccompFor'] {
  /** By the hash of the list; undefined: it cannot be compiled here. */
  const compiled = new Map<string, string | undefined>()
  return (runtime, filter) => {
    if (!runtime.acceptsBpf) return { kind: 'list', filter }
    const key = createHash('sha256').update(JSON.stringify(filter)).digest('hex')
    if (!compiled.has(key)) compiled.set(key, host.seccomp.compile(filter)?.toString('base64'))
    const base64 = compiled.get(key)
    return base64 === undefined ? { kind: 'list', filter } : { kind: 'program', base64 }
  }
}

async function openPlatform(base: Base): Promise<Platform> {
  const { host, config } = base
  const layout = detectCgroupLayout(host)
  return {
    cgroups: await openCgroups(host, layout, config),
    runtimes: findRuntimes(host, config, layout),
    machine: readMachine(host),
    seccompFor: createSeccompFor(base),
  }
}

export function createPlatform(base: Base): () => Promise<Platform> {
  let platform: Promise<Platform> | undefined
  return () => (platform ??= openPlatform(base))
}
