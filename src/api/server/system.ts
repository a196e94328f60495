/** Resource: the engine itself. _ping, version, info, and our extensions under /mycompose. */
import type { Answer } from './answer.ts'
import { ok } from './answer.ts'
import type { ApiContext, HostFacts } from './context.ts'
import type { Routes } from './router.ts'
import { DEFAULT_LOG_DRIVER, LOG_DRIVERS } from '../../engine/services/index.ts'
import { API_VERSION, MIN_API_VERSION, type EngineStatus, type VersionResponse } from '../types/index.ts'

const PING_HEADERS = {
  'Cache-Control': 'no-cache, no-store, must-revalidate',
  Pragma: 'no-cache',
  'Builder-Version': '1',
  Swarm: 'inactive',
}

function toVersion(version: string, facts: HostFacts): VersionResponse {
  const details = {
    ApiVersion: API_VERSION,
    MinAPIVersion: MIN_API_VERSION,
    Arch: facts.architecture,
    KernelVersion: facts.kernelVersion,
    Os: 'linux',
    Experimental: 'false',
    BuildTime: '',
    GitCommit: '',
    GoVersion: '',
  }
  return {
    Platform: { Name: 'mycompose engine' },
    Components: [
      { Name: 'Engine', Version: version, Details: details },
      { Name: facts.runtime.name, Version: facts.runtime.version },
      { Name: 'conmon', Version: facts.conmonVersion },
    ],
    Version: version,
    ApiVersion: API_VERSION,
    MinAPIVersion: MIN_API_VERSION,
    GitCommit: '',
    Os: 'linux',
    Arch: facts.architecture,
    KernelVersion: facts.kernelVersion,
    BuildTime: '',
  }
}

async function countContainers(
  context: ApiContext,
): Promise<{ total: number; running: number; paused: number; stopped: number }> {
  const all = await context.engine.containers.list({ all: true, size: false, filters: {} })
  const running = all.filter(({ State }) => State === 'running').length
  const paused = all.filter(({ State }) => State === 'paused').length
  return { total: all.length, running, paused, stopped: all.length - running - paused }
}

/** The fields that clients read (docker CLI, testcontainers); those of parts that do not exist here are left out. */
async function toInfo(context: ApiContext): Promise<object> {
  const { engine, control } = context
  const { config } = engine
  const [facts, counts, images] = await Promise.all([
    control.facts(),
    countContainers(context),
    engine.images.list({ all: false, filters: {} }),
  ])
  return {
    ID: config.id,
    Name: facts.hostname,
    ServerVersion: config.version,
    Containers: counts.total,
    ContainersRunning: counts.running,
    ContainersPaused: counts.paused,
    ContainersStopped: counts.stopped,
    Images: images.length,
    Driver: engine.storageDriver === 'vfs' ? 'vfs' : 'overlay2',
    DriverStatus: [],
    DockerRootDir: config.paths.root,
    Plugins: { Volume: ['local'], Network: ['bridge', 'host', 'null'], Authorization: null, Log: LOG_DRIVERS },
    MemoryLimit: true,
    SwapLimit: true,
    PidsLimit: true,
    CPUShares: true,
    CPUSet: true,
    CpuCfsPeriod: true,
    CpuCfsQuota: true,
    IPv4Forwarding: engine.host.files.readTextSync('/proc/sys/net/ipv4/ip_forward')?.trim() === '1',
    Debug: false,
    LoggingDriver: DEFAULT_LOG_DRIVER,
    CgroupDriver: 'cgroupfs',
    CgroupVersion: facts.cgroupLayout === 'v2' ? '2' : '1',
    NEventsListener: 0,
    SystemTime: engine.host.clock.nowRfc3339(),
    KernelVersion: facts.kernelVersion,
    OperatingSystem: facts.operatingSystem,
    OSType: 'linux',
    Architecture: facts.machine,
    NCPU: facts.processors,
    MemTotal: facts.memoryBytes,
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: { InsecureRegistryCIDRs: [], IndexConfigs: {}, Mirrors: [] },
    ExperimentalBuild: false,
    DefaultRuntime: facts.runtime.name,
    Runtimes: { [facts.runtime.name]: { path: facts.runtime.path } },
    InitBinary: 'tini',
    SecurityOptions: ['name=seccomp,profile=builtin', 'name=cgroupns'],
    LiveRestoreEnabled: true,
    Swarm: {
      NodeID: '',
      NodeAddr: '',
      LocalNodeState: 'inactive',
      ControlAvailable: false,
      Error: '',
      RemoteManagers: null,
    },
    Labels: [],
    Warnings: null,
  }
}

async function toStatus(context: ApiContext): Promise<EngineStatus> {
  const { engine, control } = context
  const { config } = engine
  const [facts, counts] = await Promise.all([control.facts(), countContainers(context)])
  return {
    Version: config.version,
    Pid: process.pid,
    Root: config.paths.root,
    Socket: config.paths.socket,
    StartedAt: control.startedAt,
    Containers: counts.total,
    Running: counts.running,
    MemoryRssBytes: process.memoryUsage.rss(),
    Runtime: `${facts.runtime.name} ${facts.runtime.version}`,
    CgroupLayout: facts.cgroupLayout,
  }
}

export function systemRoutes(context: ApiContext): Routes {
  const { engine, control } = context
  const ping = (): Promise<Answer> => Promise.resolve({ kind: 'text', text: 'OK', headers: PING_HEADERS })
  return {
    'GET /_ping': ping,
    'HEAD /_ping': ping,
    'GET /version': async () => ok(toVersion(engine.config.version, await control.facts())),
    'GET /info': async () => ok(await toInfo(context)),
    'GET /plugins': () => Promise.resolve(ok([])),
    'GET /mycompose/status': async () => ok(await toStatus(context)),
    'GET /mycompose/doctor': async () => ok(await control.doctor()),
    'POST /mycompose/shutdown': (request) => {
      control.requestShutdown({ all: request.query.flag('all') })
      return Promise.resolve({ kind: 'empty', status: 202 })
    },
  }
}
