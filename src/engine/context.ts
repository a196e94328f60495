/** What every part of the engine gets as its first argument. */
import type { EventMessage } from '../api/types/index.ts'
import type { Host } from '../host/host.ts'
import type { StateDatabase } from '../state/database.ts'
import type { EngineConfig } from './config.ts'
import type { Unpacker } from './layers/unpack-pool.ts'
import type { Platform } from './platform.ts'
import type {
  BuildService,
  ContainerService,
  ImageService,
  LayerService,
  NetworkService,
  VolumeService,
} from './services/index.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface EngineEvents {
  /** Time stamps are added. */
  publish(event: Pick<EventMessage, 'Type' | 'Action' | 'Actor'>): void
  /** Calls `listener` for each event from now on; the result unsubscribes. */
  subscribe(listener: (event: EventMessage) => void): () => void
  /** The last ones (bounded), oldest first, for `since`. */
  recent(): readonly EventMessage[]
}

/** One mutex a key: "container:<id>", "network:<id>", "volume:<name>", "layer:<chainId>", "nft". Lock order: that order. */
export interface KeyedMutex {
  /** Waits for its turn, runs `work`, lets the next one in, whatever happens. Not re-entrant. */
  run<T>(key: string, work: () => Promise<T>): Promise<T>
}

/** How root file systems are made of layers (layers/driver.ts). */
export type StorageDriver = 'overlay' | 'vfs'

/** The parts that all others need; the services are built on it. */
export interface EngineBase {
  readonly config: EngineConfig
  readonly host: Host
  readonly state: StateDatabase
  readonly events: EngineEvents
  readonly locks: KeyedMutex
  readonly storageDriver: StorageDriver
  readonly unpacker: Unpacker
  readonly log: (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void
}

export interface EngineContext extends EngineBase {
  platform(): Promise<Platform>
  readonly images: ImageService
  readonly layers: LayerService
  readonly volumes: VolumeService
  readonly networks: NetworkService
  readonly containers: ContainerService
  readonly builds: BuildService
}
