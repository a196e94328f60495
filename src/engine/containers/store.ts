/**
 * The containers in memory: the truth while the engine runs, written through to state.db. Names are taken here,
 * synchronously, so that two creates cannot both have one.
 */
import { ConflictError, InvalidRequestError, NotFoundError } from '../../errors.ts'
import { containerTable, type ContainerDocument, type StateRecord, type Unfinished } from '../../state/containers.ts'
import type { StateDatabase } from '../../state/database.ts'
import type { HealthMonitor } from './health.ts'

/** One life of the process, from start to the end of its clean-up. */
export interface Run {
  readonly startedAtMs: number
  readonly cgroupPath: string
  /** Kills for want of memory that have been told. */
  oomKills: number
  /** Resolves with the exit code when all is cleaned up. */
  readonly ended: Promise<number>
  end(exitCode: number): void
}

/** A container of this engine; `document` is replaced, never changed in place. */
export interface Container {
  readonly id: string
  document: ContainerDocument
  run: Run | undefined
  health: HealthMonitor | undefined
  /** Waits to start it again. */
  pendingRestart: AbortController | undefined
  lastDelayMs: number
  /** `restart` stops it only to start it: followers of its log stay. */
  isRestarting: boolean
  /** Restarts that users asked for at the same time. */
  restartRequests: number
  /** Of a stop that a user has asked for and that is under way: resolves when it is over, whatever came of it. */
  stopping: Promise<void> | undefined
  isRemoving: boolean
  /** Its run has ended and is being cleaned up. */
  isEnding: boolean
  readonly removed: PromiseWithResolvers<void>
  /** Resolved (and replaced) at each end of a run. */
  nextExit: PromiseWithResolvers<number>
  readonly execIds: Set<string>
}

export interface ContainerStore {
  all(): Container[]
  byId(id: string): Container | undefined
  /** By id, unique prefix of one, or name. Throws NotFoundError. */
  find(idOrName: string): Container
  /** Takes the name for `id`. Throws ConflictError. The result gives it back. */
  reserveName(name: string, id: string): () => void
  isNameTaken(name: string): boolean
  add(document: ContainerDocument): Container
  /** Before the first step of a create: only in state.db. Throws when that cannot be written. */
  announce(document: ContainerDocument): void
  /** Takes an announcement back. */
  withdraw(id: string): void
  /** As `update`, but throws, and changes nothing, when state.db cannot be written: for what must be known before it is done. */
  commit(container: Container, changes: Partial<ContainerDocument>): void
  /**
   * Replaces parts of the document and saves it. What has happened has happened: when state.db cannot be written (a full
   * disk), memory has it and `flush` tries again.
   */
  update(container: Container, changes: Partial<ContainerDocument>): void
  updateState(container: Container, changes: Partial<StateRecord>): void
  /** Frees the old name, takes the new one. Throws ConflictError. */
  rename(container: Container, name: string): void
  /** Gone for everybody but recovery: its row keeps what is left to be removed, until `withdraw`. */
  bury(container: Container, unfinished: Unfinished): void
  /** Saves what could not be saved. */
  flush(): void
  /** Reads state.db into an empty store. Answers what was being created or removed when the last engine ended. */
  load(): readonly ContainerDocument[]
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/

/** Without "/". Throws InvalidRequestError. */
export function checkedName(name: string): string {
  const bare = name.replace(/^\//, '')
  if (NAME.test(bare)) return bare
  throw new InvalidRequestError(`Invalid container name (${bare}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`)
}

function newContainer(document: ContainerDocument): Container {
  return {
    id: document.id,
    document,
    run: undefined,
    health: undefined,
    pendingRestart: undefined,
    lastDelayMs: 0,
    isRestarting: false,
    restartRequests: 0,
    stopping: undefined,
    isRemoving: false,
    isEnding: false,
    removed: Promise.withResolvers(),
    nextExit: Promise.withResolvers(),
    execIds: new Set(),
  }
}

export function createStore(database: StateDatabase, onUnsaved: (error: unknown) => void): ContainerStore {
  const table = containerTable(database)
  const containers = new Map<string, Container>()
  const names = new Map<string, string>()
  const unsaved = new Set<Container>()

  function reserveName(name: string, id: string): () => void {
    const holder = names.get(name)
    if (holder !== undefined && holder !== id)
      throw new ConflictError(
        `Conflict. The container name "/${name}" is already in use by container "${holder}". You have to remove (or rename) that container to be able to reuse that name.`,
        { code: 'NAME_TAKEN' },
      )
    names.set(name, id)
    return () => {
      if (names.get(name) === id) names.delete(name)
    }
  }

  function byPrefix(prefix: string): Container | undefined {
    if (!/^[0-9a-f]{1,64}$/.test(prefix)) return undefined
    const found = [...containers.values()].filter(({ id }) => id.startsWith(prefix))
    if (found.length > 1)
      throw new InvalidRequestError(`Multiple IDs found with provided prefix: ${prefix}`, { code: 'AMBIGUOUS_ID' })
    return found[0]
  }

  function update(container: Container, changes: Partial<ContainerDocument>): void {
    container.document = { ...container.document, ...changes }
    save(container)
  }

  function save(container: Container): void {
    unsaved.delete(container)
    // whoever waited for a lock may come after the removal: a row written then would be a ghost at the next start
    if (containers.get(container.id) !== container) return
    try {
      table.save(container.document)
    } catch (error) {
      unsaved.add(container)
      onUnsaved(error)
    }
  }

  function forget(container: Container): void {
    containers.delete(container.id)
    if (names.get(container.document.name) === container.id) names.delete(container.document.name)
  }

  return {
    reserveName,
    update,
    all: () => [...containers.values()],
    byId: (id) => containers.get(id),
    isNameTaken: (name) => names.has(name),
    find(idOrName) {
      const bare = idOrName.replace(/^\//, '')
      const named = names.get(bare)
      const container =
        containers.get(bare) ?? (named === undefined ? undefined : containers.get(named)) ?? byPrefix(bare)
      if (container === undefined)
        throw new NotFoundError(`No such container: ${idOrName}`, { code: 'NO_SUCH_CONTAINER' })
      return container
    },
    add(document) {
      table.save(document)
      const container = newContainer(document)
      containers.set(document.id, container)
      names.set(document.name, document.id)
      return container
    },
    announce: (document) => table.save({ ...document, unfinished: { kind: 'create' } }),
    withdraw: (id) => table.delete(id),
    commit(container, changes) {
      const document = { ...container.document, ...changes }
      if (containers.get(container.id) === container) table.save(document)
      container.document = document
    },
    updateState(container, changes) {
      update(container, { state: { ...container.document.state, ...changes } })
    },
    rename(container, name) {
      const old = container.document.name
      reserveName(name, container.id)
      update(container, { name })
      if (old !== name) names.delete(old)
    },
    bury(container, unfinished) {
      // its name is free from now on
      table.save({ ...container.document, name: container.id, unfinished })
      forget(container)
    },
    flush() {
      const waiting = [...unsaved]
      unsaved.clear()
      for (const container of waiting) save(container)
    },
    load() {
      const [interrupted, whole] = [[] as ContainerDocument[], [] as ContainerDocument[]]
      for (const document of table.all()) {
        const isHalf = ['create', 'remove'].includes(document.unfinished?.kind ?? '')
        ;(isHalf ? interrupted : whole).push(document)
      }
      for (const document of whole) {
        containers.set(document.id, newContainer(document))
        names.set(document.name, document.id)
      }
      return interrupted
    },
  }
}

export function notRunning(container: Container): ConflictError {
  return new ConflictError(`container ${container.id} is not running`, { code: 'NOT_RUNNING' })
}
