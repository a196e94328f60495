/**
 * What the engine is doing when it is killed at a point (points.ts). Each leaves one container called "subject", and says
 * what must be true of it after the next engine's start.
 */
import { execFileSync } from 'node:child_process'
import type { ContainerCreateRequest, HostConfig } from '../../src/api/types/index.ts'
import type { EngineContext } from '../../src/engine/context.ts'
import { BUSYBOX_IMAGE } from '../support/busybox.ts'
import { until } from '../support/poll.ts'

export const SUBJECT = 'subject'
/** A volume with the file part/file, which nothing may ever remove. */
export const KEPT = 'kept'
/** A network, and a volume. */
export const OTHER = 'other'

export interface Scenario {
  readonly name: string
  /** By an engine of its own, before. */
  prepare(engine: EngineContext): Promise<void>
  /** Between that engine's end and the next one's start. */
  meanwhile?(pid: number): void
  /** Where the points are; absent: the start of the engine itself. */
  act?(engine: EngineContext): Promise<void>
  /** After the kill and the next start. Absent: either state is right. */
  readonly outcome?: 'running' | 'ended well'
  /** It is meant to end one that runs. */
  readonly mayEnd?: true
  /** What networks it is on must outlast a restart. */
  readonly changesNetworks?: true
  /** There need be no container after it. */
  readonly mayBeGone?: true
}

const SLEEP = ['sleep', '1000'] as const

/** With all that a start can make: ports, an anonymous volume that is filled, binds of our own, shared memory, a health check. */
async function create(engine: EngineContext, hostConfig: HostConfig, command: readonly string[]): Promise<void> {
  const request: ContainerCreateRequest = {
    Image: BUSYBOX_IMAGE,
    Cmd: [...command],
    Volumes: { '/data': {} },
    ExposedPorts: { '80/tcp': {} },
    Healthcheck: { Test: ['CMD', 'true'], Interval: 3_600_000_000_000 },
    HostConfig: {
      PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] },
      IpcMode: 'shareable',
      Mounts: [
        { Type: 'volume', Source: KEPT, Target: '/kept/part', VolumeOptions: { Subpath: 'part' } },
        { Type: 'image', Source: BUSYBOX_IMAGE, Target: '/image' },
      ],
      ...hostConfig,
    },
  }
  await engine.containers.create(request, { name: SUBJECT })
}

async function run(engine: EngineContext, hostConfig: HostConfig = {}, command = SLEEP): Promise<void> {
  await create(engine, hostConfig, command)
  await engine.containers.start(SUBJECT)
}

const pidOf = async ({ containers }: EngineContext): Promise<number> => (await containers.inspect(SUBJECT)).State.Pid

async function hasRestarted(engine: EngineContext, before: number): Promise<void> {
  await until(async () => ![0, before].includes(await pidOf(engine)), { what: 'the restart' })
}

/** The parent of the container's first process. */
function killConmon(pid: number): void {
  const parent = execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' })
  process.kill(Number(parent), 'SIGKILL')
}

const always: HostConfig = { RestartPolicy: { Name: 'always' } }
const onFailure: HostConfig = { RestartPolicy: { Name: 'on-failure' } }

export const SCENARIOS: readonly Scenario[] = [
  { name: 'create', prepare: async () => {}, act: (engine) => create(engine, {}, SLEEP), mayBeGone: true },
  {
    name: 'start',
    prepare: (engine) => create(engine, {}, SLEEP),
    act: async ({ containers }) => void (await containers.start(SUBJECT)),
  },
  {
    name: 'start of a one-shot',
    prepare: (engine) => create(engine, {}, ['sh', '-c', 'echo done']),
    async act({ containers }) {
      await containers.start(SUBJECT)
      await containers.wait(SUBJECT, 'not-running', new AbortController().signal)
    },
  },
  {
    name: 'stop',
    prepare: run,
    act: async ({ containers }) => void (await containers.stop(SUBJECT, { timeoutSeconds: 0 })),
    mayEnd: true,
  },
  {
    name: 'restart',
    prepare: run,
    act: ({ containers }) => containers.restart(SUBJECT, { timeoutSeconds: 0 }),
    outcome: 'running',
    mayEnd: true,
  },
  {
    name: 'remove',
    prepare: run,
    act: ({ containers }) => containers.remove(SUBJECT, { force: true, volumes: true }),
    mayEnd: true,
    mayBeGone: true,
  },
  {
    name: 'pause',
    prepare: run,
    async act({ containers }) {
      await containers.pause(SUBJECT)
      await containers.unpause(SUBJECT)
    },
  },
  {
    name: 'connect and disconnect',
    async prepare(engine) {
      await engine.networks.create({ Name: OTHER })
      await run(engine)
    },
    async act({ containers }) {
      await containers.connectNetwork(SUBJECT, OTHER, {})
      await containers.disconnectNetwork(SUBJECT, OTHER, false)
    },
    outcome: 'running',
    changesNetworks: true,
  },
  {
    name: 'network and volume',
    prepare: async () => {},
    async act({ networks, volumes }) {
      await networks.create({ Name: OTHER })
      await volumes.create({ Name: OTHER })
      await volumes.remove(OTHER, { force: false })
      await networks.remove(OTHER)
    },
    mayBeGone: true,
  },
  {
    name: 'a killed conmon, and the restart after it (always)',
    prepare: (engine) => run(engine, always),
    async act(engine) {
      const pid = await pidOf(engine)
      killConmon(pid)
      await hasRestarted(engine, pid)
    },
    outcome: 'running',
    mayEnd: true,
  },
  {
    name: 'an end and its restart (always)',
    prepare: (engine) => run(engine, always),
    async act(engine) {
      const pid = await pidOf(engine)
      process.kill(pid, 'SIGKILL')
      await hasRestarted(engine, pid)
    },
    outcome: 'running',
    mayEnd: true,
  },
  {
    name: 'an end and its restart (on-failure)',
    prepare: (engine) => run(engine, onFailure),
    async act(engine) {
      const pid = await pidOf(engine)
      process.kill(pid, 'SIGKILL')
      await hasRestarted(engine, pid)
    },
    outcome: 'running',
    mayEnd: true,
  },
  { name: 'recovery of one that runs', prepare: run, outcome: 'running' },
  {
    name: 'recovery of one that ended unseen (on-failure)',
    prepare: (engine) => run(engine, onFailure),
    meanwhile: (pid) => void process.kill(pid, 'SIGKILL'),
    outcome: 'running',
    mayEnd: true,
  },
  {
    name: 'recovery of one whose conmon was killed (always)',
    prepare: (engine) => run(engine, always),
    meanwhile: killConmon,
    outcome: 'running',
    mayEnd: true,
  },
]
