/**
 * An engine in memory behind the client's interface: containers change state when asked to, and tell it by events. It
 * records every request, so that tests can count round trips.
 */
import { setImmediate as tick } from 'node:timers/promises'
import type { ContainersApi, EngineClient, LogRequest, OutputChunk } from '../../../src/api/client/client.ts'
import type {
  EventMessage,
  Health,
  MountPoint,
  NetworkInspect,
  VersionResponse,
  Volume,
} from '../../../src/api/types/index.ts'
import type { BuildMessage, BuildRequest } from '../../../src/api/types/build.ts'
import { ConflictError, NotFoundError } from '../../../src/errors.ts'
import { hasLabel, toInspect, toSummary, type FakeContainer, type FakeImage } from './fake-documents.ts'
import { createFakeImages, createFakeNetworks, createFakeVolumes, notAsked } from './fake-stores.ts'

export interface FakeEngine {
  readonly client: EngineClient
  /** What was asked to be built. */
  readonly buildRequests: BuildRequest[]
  /** The messages of a build; by default one step, and an image named after the request's first tag. */
  onBuild: (request: BuildRequest) => BuildMessage[]
  /** "create p-db-1", "start p-db-1", "list containers": in the order of arrival. */
  readonly requests: string[]
  readonly containers: Map<string, FakeContainer>
  /** What can be pulled: reference -> id. */
  readonly registry: Map<string, string>
  readonly networks: Map<string, NetworkInspect>
  readonly volumes: Map<string, Volume>
  readonly images: ReadonlyMap<string, FakeImage>
  byName(name: string): FakeContainer
  addImage(reference: string, options?: { readonly id?: string; readonly healthcheck?: boolean }): void
  /** Called after a container has been started. */
  onStart: (container: FakeContainer) => void
  /** Fails the request with this text. */
  failOn: (request: string) => Error | undefined
  setHealth(name: string, health: Health['Status'], output?: string): void
  exit(name: string, exitCode: number): void
  write(name: string, text: string): void
  /** No events come while true. */
  mute: boolean
}

export function createFakeEngine(): FakeEngine {
  const requests: string[] = []
  const buildRequests: BuildRequest[] = []
  const containers = new Map<string, FakeContainer>()
  const networks = new Map<string, NetworkInspect>()
  const volumes = new Map<string, Volume>()
  const images = new Map<string, FakeImage>()
  const registry = new Map<string, string>()
  const subscribers = new Set<(event: EventMessage) => void>()
  const changed = new Set<() => void>()
  let counter = 0

  const newId = (): string => (counter += 1).toString(16).padStart(12, '0').padEnd(64, '0')

  async function request(text: string): Promise<void> {
    requests.push(text)
    await tick()
    const error = engine.failOn(text)
    if (error !== undefined) throw error
  }

  function find(idOrName: string): FakeContainer {
    const found = containers.get(idOrName) ?? [...containers.values()].find(({ name }) => name === idOrName)
    if (found === undefined) throw new NotFoundError(`No such container: ${idOrName}`)
    return found
  }

  function emit(container: FakeContainer, action: string, attributes: Record<string, string> = {}): void {
    for (const wake of changed) wake()
    if (engine.mute) return
    const now = Date.now()
    const event: EventMessage = {
      Type: 'container',
      Action: action,
      Actor: { ID: container.id, Attributes: { ...container.request.Labels, name: container.name, ...attributes } },
      scope: 'local',
      time: Math.floor(now / 1000),
      timeNano: now * 1e6,
    }
    for (const subscriber of subscribers) subscriber(event)
  }

  function end(container: FakeContainer, exitCode: number): void {
    container.status = 'exited'
    container.exitCode = exitCode
    emit(container, 'die', { exitCode: String(exitCode) })
  }

  const containersApi: ContainersApi = {
    async list({ all = false, filters = {} } = {}) {
      await request('list containers')
      const labels = filters['label'] ?? []
      return [...containers.values()]
        .filter((one) => all || one.status === 'running')
        .filter((one) => labels.every((label) => hasLabel(one.request.Labels ?? {}, label)))
        .map(toSummary)
    },
    async inspect(id) {
      await request(`inspect ${nameOf(id)}`)
      return toInspect(find(id))
    },
    async create(name, body) {
      await request(`create ${name}`)
      if ([...containers.values()].some((one) => one.name === name)) throw new ConflictError(`name ${name} is taken`)
      const image = images.get(body.Image ?? '')
      if (image === undefined) throw new NotFoundError(`No such image: ${body.Image}`)
      const container: FakeContainer = {
        id: newId(),
        name,
        request: body,
        imageId: image.id,
        status: 'created',
        exitCode: 0,
        health: undefined,
        healthLog: [],
        networks: new Set(Object.keys(body.NetworkingConfig?.EndpointsConfig ?? {})),
        mounts: (body.HostConfig?.Mounts ?? []).map(({ Type, Source, Target }): MountPoint => ({
          Type,
          Name: Type === 'volume' ? (Source ?? newId()) : '',
          Source: Source ?? '',
          Destination: Target,
          Driver: 'local',
          Mode: '',
          RW: true,
          Propagation: '',
        })),
        log: '',
        files: [],
      }
      containers.set(container.id, container)
      return { Id: container.id, Warnings: [] }
    },
    async start(id) {
      const container = find(id)
      await request(`start ${container.name}`)
      if (container.status === 'running') return false
      container.status = 'running'
      const test = container.request.Healthcheck?.Test
      container.health = test === undefined || test[0] === 'NONE' ? undefined : 'starting'
      emit(container, 'start')
      engine.onStart(container)
      return true
    },
    async stop(id) {
      const container = find(id)
      await request(`stop ${container.name}`)
      if (container.status !== 'running') return false
      end(container, 143)
      return true
    },
    async restart(id) {
      const container = find(id)
      await request(`restart ${container.name}`)
      if (container.status === 'running') end(container, 143)
      container.status = 'running'
      emit(container, 'start')
      engine.onStart(container)
    },
    async kill(id, signal) {
      const container = find(id)
      await request(`kill ${container.name} ${signal}`)
      if (container.status !== 'running') throw new ConflictError('not running')
      if (signal === 'SIGKILL') end(container, 137)
    },
    pause: async (id) => await request(`pause ${nameOf(id)}`),
    unpause: async (id) => await request(`unpause ${nameOf(id)}`),
    async rename(id, name) {
      const container = find(id)
      await request(`rename ${container.name} ${name}`)
      container.name = name
    },
    async remove(id, { force = false, volumes: withVolumes = false } = {}) {
      const container = find(id)
      await request(`remove ${container.name}${withVolumes ? ' with volumes' : ''}`)
      if (container.status === 'running' && !force) throw new ConflictError('is running')
      containers.delete(container.id)
      emit(container, 'destroy')
    },
    async wait(id) {
      const container = find(id)
      await request(`wait ${container.name}`)
      while (container.status === 'running') await nextChange()
      return { StatusCode: container.exitCode }
    },
    logs: (id, options, abort) => readLog(find(id), options, abort),
    top: () => Promise.resolve({ Titles: [], Processes: [] }),
    stats: () => Promise.reject(new Error('the fake engine counts nothing')),
    async putArchive(id, path, tar) {
      const container = find(id)
      await request(`put ${container.name} ${path}`)
      container.files.push({ path, tar: Buffer.from(tar as Uint8Array) })
    },
    statPath: () => Promise.resolve(undefined),
    getArchive: () => Promise.reject(new Error('the fake engine has no files')),
    attach: () => Promise.reject(new Error('the fake engine has no streams')),
    resize: () => Promise.resolve(),
    watchExit: () => Promise.resolve({ exit: Promise.resolve({ StatusCode: 0 }) }),
    async createExec(id) {
      await request(`exec ${nameOf(id)}`)
      return `exec-${id}`
    },
    startExec: () => Promise.reject(new Error('the fake engine runs nothing')),
    startExecDetached: async (id) => await request(`start ${id}`),
    resizeExec: () => Promise.resolve(),
    inspectExec: () => Promise.reject(new Error('the fake engine runs nothing')),
    commit: notAsked,
    export: notAsked,
  }

  async function nextChange(signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        changed.delete(wake)
        resolve()
      }
      changed.add(wake)
      signal?.addEventListener('abort', wake, { once: true })
    })
  }

  /** Ends with the container, as docker's does; lines starting with "!" go to stderr. */
  async function* readLog(
    container: FakeContainer,
    { follow = false, tail = 'all' }: LogRequest,
    abort?: AbortSignal,
  ): AsyncGenerator<OutputChunk> {
    requests.push(`logs ${container.name}`)
    const lines = container.log.split('\n')
    let offset = tail === 'all' ? 0 : Math.max(0, lines.slice(0, -1 - Number(tail)).join('\n').length)
    for (;;) {
      const text = container.log.slice(offset)
      offset = container.log.length
      if (text !== '') yield { stream: text.startsWith('!') ? 'stderr' : 'stdout', data: Buffer.from(text) }
      else if (!follow || container.status !== 'running' || abort?.aborted === true) return
      else await nextChange(abort)
    }
  }

  async function* events(abort: AbortSignal | undefined): AsyncGenerator<EventMessage> {
    requests.push('events')
    const queue: EventMessage[] = []
    let wake = (): void => {}
    const subscriber = (event: EventMessage): void => {
      queue.push(event)
      wake()
    }
    subscribers.add(subscriber)
    abort?.addEventListener('abort', () => wake(), { once: true })
    try {
      for (;;) {
        const event = queue.shift()
        if (abort?.aborted === true) return
        if (event !== undefined) yield event
        else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    } finally {
      subscribers.delete(subscriber)
    }
  }

  function nameOf(id: string): string {
    return containers.get(id)?.name ?? id
  }

  const state = { containers, networks, volumes, images, registry, newId, request, find, nameOf }
  const engine: FakeEngine = {
    client: {
      containers: containersApi,
      networks: createFakeNetworks(state),
      volumes: createFakeVolumes(state),
      images: createFakeImages(state),
      builds: {
        async *build(body, abort) {
          buildRequests.push(body)
          await request(`build ${body.tags?.[0]}`)
          for (const message of engine.onBuild(body)) {
            if (abort?.aborted === true) return
            if (message.kind === 'result' && message.imageId !== undefined)
              for (const tag of message.tags)
                images.set(tag, { id: message.imageId, healthcheck: false, labels: body.labels ?? {} })
            yield message
            await tick()
          }
        },
        prune: notAsked,
      },
      prune: { containers: notAsked, networks: notAsked, volumes: notAsked, images: notAsked },
      diskUsage: notAsked,
      version: async () => {
        await request('version')
        return { Os: 'linux', Arch: 'amd64' } as VersionResponse
      },
      login: notAsked,
      events: ({ abort }) => events(abort),
      status: () => Promise.reject(new Error('not asked for')),
      doctor: () => Promise.resolve([]),
      shutdown: () => Promise.resolve(),
      close() {},
    },
    requests,
    buildRequests,
    onBuild: builtOnce,
    containers,
    registry,
    networks,
    volumes,
    images,
    byName: find,
    addImage(reference, { id = `sha256:${reference}`, healthcheck = false } = {}) {
      images.set(reference, { id, healthcheck })
    },
    onStart: () => {},
    failOn: () => undefined,
    setHealth(name, health, output = '') {
      const container = find(name)
      container.health = health
      container.healthLog.push({ Start: '', End: '', ExitCode: health === 'healthy' ? 0 : 1, Output: output })
      emit(container, `health_status: ${health}`)
    },
    exit: (name, exitCode) => end(find(name), exitCode),
    write(name, text) {
      find(name).log += text
      for (const wake of changed) wake()
    },
    mute: false,
  }
  return engine
}

function builtOnce({ tags = [] }: BuildRequest): BuildMessage[] {
  const id = 'sha256:step'
  return [
    { kind: 'step', id, name: '[1/1] RUN true', inputs: [] },
    { kind: 'started', id, timeMs: 1000 },
    { kind: 'output', id, stream: 'stdout', data: 'hello\n' },
    { kind: 'ended', id, timeMs: 1500, cached: false },
    { kind: 'result', imageId: `sha256:built-${tags[0]}`, tags, warnings: 0 },
  ]
}
