/** What the handlers work on: the engine's services, and the engine as a process. */
import type { EngineContext } from '../../engine/context.ts'
import type { DoctorFinding, EngineStatus } from '../types/index.ts'

/** Facts of the machine for version and info. */
export interface HostFacts {
  readonly hostname: string
  readonly kernelVersion: string
  readonly operatingSystem: string
  /** As Go names it: "amd64". */
  readonly architecture: string
  /** As uname names it: "x86_64". */
  readonly machine: string
  readonly processors: number
  readonly memoryBytes: number
  readonly cgroupLayout: EngineStatus['CgroupLayout']
  readonly runtime: { readonly name: string; readonly path: string; readonly version: string }
  readonly conmonVersion: string
}

export interface EngineControl {
  readonly startedAt: string
  facts(): Promise<HostFacts>
  doctor(): Promise<DoctorFinding[]>
  /** Begins the end of the process, after the present answers are out. */
  requestShutdown(options: { readonly all: boolean }): void
}

export interface ApiContext {
  readonly engine: EngineContext
  readonly control: EngineControl
}
