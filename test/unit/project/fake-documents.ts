/** What the engine in memory keeps of a container, and its answers as the API has them. */
import type {
  ContainerCreateRequest,
  ContainerInspect,
  ContainerStatus,
  ContainerSummary,
  Health,
  ImageInspect,
  ImageSummary,
  MountPoint,
  NetworkInspect,
  Volume,
} from '../../../src/api/types/index.ts'

export interface FakeContainer {
  readonly id: string
  name: string
  readonly request: ContainerCreateRequest
  readonly imageId: string
  status: ContainerStatus
  exitCode: number
  health: Health['Status'] | undefined
  healthLog: { Start: string; End: string; ExitCode: number; Output: string }[]
  networks: Set<string>
  mounts: MountPoint[]
  log: string
  readonly files: { path: string; tar: Buffer }[]
}

export function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf('=')
  return equals === -1 ? wanted in labels : labels[wanted.slice(0, equals)] === wanted.slice(equals + 1)
}

function statusText({ status, health, exitCode }: FakeContainer): string {
  if (status === 'exited') return `Exited (${exitCode}) 1 second ago`
  if (status !== 'running') return status === 'created' ? 'Created' : status
  if (health === undefined) return 'Up 1 second'
  return health === 'starting' ? 'Up 1 second (health: starting)' : `Up 1 second (${health})`
}

export function toSummary(container: FakeContainer): ContainerSummary {
  const { request } = container
  const bindings = Object.entries(request.HostConfig?.PortBindings ?? {})
  return {
    Id: container.id,
    Names: [`/${container.name}`],
    Image: request.Image ?? '',
    ImageID: container.imageId,
    Command: (request.Cmd ?? []).join(' '),
    Created: 1_700_000_000,
    Ports: bindings.flatMap(([key, list]) =>
      list.map(({ HostPort }) => ({
        PrivatePort: Number.parseInt(key, 10),
        PublicPort: Number(HostPort),
        Type: 'tcp' as const,
      })),
    ),
    Labels: request.Labels ?? {},
    State: container.status,
    Status: statusText(container),
    HostConfig: { NetworkMode: request.HostConfig?.NetworkMode ?? 'default' },
    NetworkSettings: { Networks: Object.fromEntries([...container.networks].map((name) => [name, {}])) },
    Mounts: container.mounts,
  }
}

export function toInspect(container: FakeContainer): ContainerInspect {
  const { status, exitCode, health, healthLog, request } = container
  return {
    Id: container.id,
    Created: '2026-01-01T00:00:00Z',
    Path: '',
    Args: [],
    State: {
      Status: status,
      Running: status === 'running',
      Paused: false,
      Restarting: status === 'restarting',
      OOMKilled: false,
      Dead: false,
      Pid: 1,
      ExitCode: exitCode,
      Error: '',
      StartedAt: '',
      FinishedAt: '',
      ...(health === undefined ? {} : { Health: { Status: health, FailingStreak: 0, Log: healthLog } }),
    },
    Image: container.imageId,
    ResolvConfPath: '',
    HostnamePath: '',
    HostsPath: '',
    LogPath: '',
    Name: `/${container.name}`,
    RestartCount: 0,
    Driver: 'overlay',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: null,
    HostConfig: request.HostConfig ?? {},
    GraphDriver: { Name: '', Data: {} },
    Mounts: container.mounts,
    Config: request,
    NetworkSettings: { SandboxID: '', SandboxKey: '', Ports: {}, Networks: {} },
  }
}

export function toNetwork(id: string, name: string, labels: Readonly<Record<string, string>>): NetworkInspect {
  return {
    Name: name,
    Id: id,
    Created: '',
    Scope: 'local',
    Driver: 'bridge',
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: {},
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: {},
    Options: {},
    Labels: labels,
  }
}

export function toVolume(name: string, labels: Readonly<Record<string, string>>): Volume {
  return { Name: name, Driver: 'local', Mountpoint: '', CreatedAt: '', Labels: labels, Options: null, Scope: 'local' }
}

export interface FakeImage {
  readonly id: string
  readonly healthcheck: boolean
  readonly labels?: Readonly<Record<string, string>>
}

export function tagged(reference: string): string {
  return reference.includes(':') ? reference : `${reference}:latest`
}

export function toImageSummary(reference: string, id: string, labels?: FakeImage['labels']): ImageSummary {
  return {
    Id: id,
    ParentId: '',
    RepoTags: [tagged(reference)],
    RepoDigests: [],
    Created: 0,
    Size: 0,
    SharedSize: 0,
    Labels: labels ?? null,
    Containers: 0,
  }
}

export function toImageInspect(
  reference: string,
  { id, healthcheck }: { id: string; healthcheck: boolean },
): ImageInspect {
  return {
    Id: id,
    RepoTags: [reference],
    RepoDigests: [],
    Parent: '',
    Comment: '',
    Created: '',
    Author: '',
    Config: healthcheck ? { Healthcheck: { Test: ['CMD', 'true'] } } : {},
    Architecture: 'amd64',
    Os: 'linux',
    Size: 0,
    GraphDriver: { Name: '', Data: {} },
    RootFS: { Type: 'layers', Layers: [] },
    Metadata: { LastTagTime: '' },
  }
}
