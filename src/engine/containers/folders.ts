/** Where a container keeps its files. PURE. */
import { join } from 'node:path'
import type { EngineConfig } from '../config.ts'

export interface ContainerFolder {
  readonly folder: string
  readonly bundle: string
  readonly configJson: string
  readonly log: string
  readonly hosts: string
  readonly hostname: string
  readonly resolvConf: string
  readonly shm: string
  readonly pidFile: string
  readonly conmonPidFile: string
  /** conmon writes the exit code here. */
  readonly exitFile: string
}

export function containerFolder({ paths }: EngineConfig, id: string): ContainerFolder {
  const folder = join(paths.containers, id)
  const bundle = join(folder, 'bundle')
  return {
    folder,
    bundle,
    configJson: join(bundle, 'config.json'),
    log: join(folder, 'ctr.log'),
    hosts: join(folder, 'hosts'),
    hostname: join(folder, 'hostname'),
    resolvConf: join(folder, 'resolv.conf'),
    shm: join(folder, 'shm'),
    pidFile: join(bundle, 'pid'),
    conmonPidFile: join(bundle, 'conmon.pid'),
    exitFile: join(paths.exits, id),
  }
}
