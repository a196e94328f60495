/** PURE: a container as GET /containers/{id}/json and /containers/json show it. Source: Engine API v1.51. */
import type {
  ContainerInspect,
  ContainerState,
  ContainerSummary,
  EndpointSettings,
  MountPoint,
  PublishedPort,
} from '../../api/types/index.ts'
import type { ContainerDocument, MountRecord } from '../../state/containers.ts'
import type { Sandbox } from '../services/index.ts'
import type { ContainerFolder } from './folders.ts'
import { hostnameOf } from './network-mode.ts'
import { statusText } from './status-text.ts'

export interface ContainerView {
  readonly document: ContainerDocument
  readonly isRemoving: boolean
  readonly isStopping: boolean
  /** While it runs. */
  readonly sandbox: Sandbox | undefined
  /** Docker's names of the storage drivers. */
  readonly driver: 'overlay2' | 'vfs'
  readonly execIds: readonly string[]
  readonly sizeRwBytes: number | undefined
}

function toMountPoint(mount: MountRecord): MountPoint {
  switch (mount.kind) {
    case 'bind':
      return {
        Type: 'bind',
        Source: mount.source,
        Destination: mount.destination,
        Mode: mount.mode,
        RW: !mount.readOnly,
        Propagation: mount.propagation === '' ? 'rprivate' : mount.propagation,
      }
    case 'volume':
      return {
        Type: 'volume',
        Name: mount.name,
        Source: mount.source,
        Destination: mount.destination,
        Driver: mount.driver,
        Mode: mount.mode,
        RW: !mount.readOnly,
        Propagation: '',
      }
    case 'image':
      return {
        Type: 'image',
        Name: mount.reference,
        Source: mount.imageId,
        Destination: mount.destination,
        Mode: '',
        RW: false,
        Propagation: '',
      }
    case 'tmpfs':
      return { Type: 'tmpfs', Source: '', Destination: mount.destination, Mode: '', RW: true, Propagation: '' }
    default:
      return mount satisfies never
  }
}

function toState({ document, isRemoving }: ContainerView): ContainerState {
  const { state, health } = document
  const isRunning = ['running', 'paused', 'restarting'].includes(state.status)
  return {
    Status: isRemoving ? 'removing' : state.status,
    Running: isRunning,
    Paused: state.status === 'paused',
    Restarting: state.status === 'restarting',
    OOMKilled: state.oomKilled,
    Dead: state.status === 'dead',
    Pid: state.process?.pid ?? 0,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt,
    FinishedAt: state.finishedAt,
    ...(health === undefined ? {} : { Health: health }),
  }
}

/** What the sandbox has, else the wishes with the fields that a stopped container shows empty. */
function toNetworks({ document, sandbox }: ContainerView): Record<string, EndpointSettings> {
  if (sandbox !== undefined && Object.keys(sandbox.endpoints).length > 0) return { ...sandbox.endpoints }
  const empty = { NetworkID: '', EndpointID: '', Gateway: '', IPAddress: '', IPPrefixLen: 0, MacAddress: '' }
  const mode = document.hostConfig.NetworkMode ?? ''
  const names = Object.keys(document.endpoints)
  const shown = names.length === 0 && (mode === 'host' || mode === 'none') ? [mode] : names
  return Object.fromEntries(shown.map((name) => [name, { ...empty, ...document.endpoints[name] }]))
}

export function toInspect(view: ContainerView, folder: ContainerFolder): ContainerInspect {
  const { document, sandbox, sizeRwBytes } = view
  return {
    Id: document.id,
    Created: document.createdAt,
    Path: document.path,
    Args: document.args,
    State: toState(view),
    Image: document.image.id,
    ResolvConfPath: folder.resolvConf,
    HostnamePath: folder.hostname,
    HostsPath: folder.hosts,
    LogPath: folder.log,
    Name: `/${document.name}`,
    RestartCount: document.restartCount,
    Driver: view.driver,
    Platform: document.image.platform,
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: view.execIds.length === 0 ? null : view.execIds,
    HostConfig: {
      ...document.hostConfig,
      NetworkMode: document.hostConfig.NetworkMode ?? 'default',
      RestartPolicy: document.hostConfig.RestartPolicy ?? { Name: 'no', MaximumRetryCount: 0 },
      LogConfig: document.hostConfig.LogConfig ?? { Type: 'json-file', Config: {} },
      Runtime: document.runtime,
    },
    GraphDriver: { Name: view.driver, Data: {} },
    ...(sizeRwBytes === undefined ? {} : { SizeRw: sizeRwBytes, SizeRootFs: sizeRwBytes }),
    Mounts: document.mounts.filter(({ kind }) => kind !== 'tmpfs').map(toMountPoint),
    Config: { ...document.config, Hostname: hostnameOf(document) },
    NetworkSettings: {
      SandboxID: sandbox === undefined ? '' : document.id,
      SandboxKey: sandbox?.netnsPath ?? '',
      Ports: sandbox?.ports ?? {},
      Networks: toNetworks(view),
    },
  }
}

/** Published ones by address, then those only exposed. */
function toPorts({ document, sandbox }: ContainerView): PublishedPort[] {
  const keys = new Set([...Object.keys(sandbox?.ports ?? {}), ...Object.keys(document.config.ExposedPorts ?? {})])
  if (sandbox === undefined) return []
  return [...keys].toSorted().flatMap((key): PublishedPort[] => {
    const [port = '', type = 'tcp'] = key.split('/')
    const base = { PrivatePort: Number(port), Type: type as PublishedPort['Type'] }
    const bindings = sandbox.ports[key] ?? []
    if (bindings.length === 0) return [base]
    return bindings.map(({ HostIp, HostPort }) =>
      // a port of a routed network is reached at the container's own address: no port of the host stands for it
      HostPort === '' ? base : Object.assign({ IP: HostIp, PublicPort: Number(HostPort) }, base),
    )
  })
}

export function toSummary(view: ContainerView, nowMs: number): ContainerSummary {
  const { document, isRemoving, isStopping, sizeRwBytes } = view
  const { image, config } = document
  return {
    Id: document.id,
    Names: [`/${document.name}`],
    Image: image.reference,
    ImageID: image.id,
    Command: [document.path, ...document.args].join(' '),
    Created: Math.floor(Date.parse(document.createdAt) / 1000),
    Ports: toPorts(view),
    ...(sizeRwBytes === undefined ? {} : { SizeRw: sizeRwBytes, SizeRootFs: sizeRwBytes }),
    Labels: config.Labels ?? {},
    State: isRemoving ? 'removing' : document.state.status,
    ...(isStopping ? { Stopping: true } : {}),
    Status: isRemoving ? 'Removal In Progress' : statusText(document, nowMs),
    HostConfig: { NetworkMode: document.hostConfig.NetworkMode ?? 'default' },
    NetworkSettings: { Networks: toNetworks(view) },
    Mounts: document.mounts.filter(({ kind }) => kind !== 'tmpfs').map(toMountPoint),
  }
}
