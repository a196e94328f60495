/**
 * create: everything is checked before anything is made; what was made is undone when a later step fails. Nothing of a
 * created container is in the kernel. Source: Engine API ContainerCreate, moby daemon/create.go.
 */
import { InvalidRequestError, errnoOf } from '../../errors.ts'
import type {
  ContainerConfig,
  ContainerCreateRequest,
  ContainerCreateResponse,
  HostConfig,
} from '../../api/types/index.ts'
import { NEVER, type ContainerDocument, type MountRecord } from '../../state/containers.ts'
import { toOciResources } from '../cgroups/limits.ts'
import { checkRuntimeProgram } from '../runtime/other.ts'
import { publish, type ContainersContext } from './context.ts'
import { parseExtraHost } from './etc-files.ts'
import { checkPlatform } from './image-platform.ts'
import { logTag } from './logs/attributes.ts'
import { parseLogConfig } from './logs/log-config.ts'
import { expandDevice } from './machine.ts'
import { commandLine, mergeConfig } from './merge-config.ts'
import { planMounts, type MountWish } from './mount-plan.ts'
import { checkHostname, hostnameOf, parseSharing, sandboxRequest, wantedEndpoints } from './network-mode.ts'
import { nameFromEntropy } from './random-name.ts'
import { canBindReadOnly, checkReadOnly } from './read-only.ts'
import { parseSecurityOptions } from './security.ts'
import { parseSignal } from './signals.ts'
import { chooseCapabilities } from './spec/capabilities.ts'
import { cdiEdits } from './cdi.ts'
import { toAnnotations } from './spec/annotations.ts'
import { parseDeviceRule } from './spec/devices.ts'
import { toRlimits } from './spec/rlimits.ts'
import { toSysctls } from './spec/sysctls.ts'
import { checkedName } from './store.ts'
import { checkStorageOptions, warnOfLabels } from './unsupported-storage.ts'
import { parseUserSpec } from './user.ts'

/** Throws InvalidRequestError. */
export function checkRestartPolicy({ RestartPolicy: policy, AutoRemove }: HostConfig): void {
  const name = policy?.Name ?? ''
  if (!['', 'no', 'always', 'unless-stopped', 'on-failure'].includes(name))
    throw new InvalidRequestError(`invalid restart policy: unknown policy '${name}'`)
  const retries = policy?.MaximumRetryCount ?? 0
  if (retries < 0) throw new InvalidRequestError('invalid restart policy: maximum retry count cannot be negative')
  if (retries > 0 && name !== 'on-failure')
    throw new InvalidRequestError("invalid restart policy: maximum retry count can only be used with 'on-failure'")
  if (AutoRemove === true && name !== '' && name !== 'no')
    throw new InvalidRequestError("can't create 'AutoRemove' container with restart policy")
}

/** Words that would otherwise be taken for the default. */
function checkModes({ UsernsMode = '', UTSMode = '', CgroupnsMode = '' }: HostConfig): void {
  if (!['', 'host'].includes(UsernsMode))
    throw new InvalidRequestError(`invalid userns mode ${JSON.stringify(UsernsMode)}`, {
      hint: 'only "host": ids are not mapped here, capabilities, seccomp and "user" keep containers from the machine',
    })
  if (!['', 'host'].includes(UTSMode)) throw new InvalidRequestError(`invalid UTS mode: ${UTSMode}`)
  if (!['', 'host', 'private'].includes(CgroupnsMode))
    throw new InvalidRequestError(`invalid cgroup namespace mode: ${CgroupnsMode}`)
}

/** Everything that can be known to be wrong without making anything. */
async function validate(context: ContainersContext, document: ContainerDocument, warn: (text: string) => void) {
  const { config, hostConfig } = document
  const { machine, cgroups, runtimes } = await context.platform()
  checkHostname(config)
  checkRestartPolicy(hostConfig)
  checkStorageOptions(hostConfig)
  parseLogConfig(hostConfig.LogConfig)
  logTag(document)
  parseUserSpec(config.User ?? '')
  if (config.StopSignal !== undefined && config.StopSignal !== '') parseSignal(config.StopSignal)
  const directory = config.WorkingDir ?? ''
  if (directory !== '' && !directory.startsWith('/'))
    throw new InvalidRequestError(`the working directory '${directory}' is invalid, it needs to be an absolute path`)
  for (const entry of hostConfig.ExtraHosts ?? [])
    if (parseExtraHost(entry) === undefined)
      throw new InvalidRequestError(`bad format for add-host: ${JSON.stringify(entry)}`)
  for (const rule of hostConfig.DeviceCgroupRules ?? []) parseDeviceRule(rule)
  await Promise.all((hostConfig.Devices ?? []).map((mapping) => expandDevice(context.host, mapping)))
  await cdiEdits(context.host, hostConfig.DeviceRequests ?? [])
  toAnnotations(hostConfig.Annotations ?? {}, warn)
  checkModes(hostConfig)
  if ((hostConfig.ShmSize ?? 0) < 0) throw new InvalidRequestError('SHM size can not be less than 0')
  const privileged = hostConfig.Privileged ?? false
  parseSecurityOptions(hostConfig.SecurityOpt ?? [], { privileged, hasAppArmor: machine.hasAppArmor }, warn)
  chooseCapabilities({
    privileged,
    add: hostConfig.CapAdd ?? [],
    drop: hostConfig.CapDrop ?? [],
    available: machine.capabilities,
  })
  const mayRaise = machine.capabilities.includes('CAP_SYS_RESOURCE')
  toRlimits({ ulimits: hostConfig.Ulimits ?? [], hardLimits: machine.hardLimits, mayRaise }, warn)
  toOciResources(hostConfig, cgroups.abilities, warn)
  const network = parseSharing('network mode', hostConfig.NetworkMode)
  const ipc = parseSharing('ipc mode', hostConfig.IpcMode)
  const pid = parseSharing('pid mode', hostConfig.PidMode)
  toSysctls({
    sysctls: hostConfig.Sysctls ?? {},
    privateNetwork: network.kind === 'own',
    privateIpc: ipc.kind === 'own',
    privateUts: hostConfig.UTSMode !== 'host',
    domainname: '',
  })
  for (const sharing of [network, ipc, pid]) if (sharing.kind === 'container') context.store.find(sharing.container)
  await checkRuntimeProgram(context.host, runtimes.byName(hostConfig.Runtime).path)
  if (network.kind === 'own') await context.networks.validate(sandboxRequest(document))
  else if (Object.keys(hostConfig.PortBindings ?? {}).length > 0) {
    if (network.kind === 'container')
      throw new InvalidRequestError('conflicting options: port publishing and the container type network mode')
    warn('Published ports are discarded when using host network mode')
  }
}

async function checkBindSource(context: ContainersContext, source: string): Promise<void> {
  try {
    await context.host.files.stat(source)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR') throw error
    throw new InvalidRequestError(`invalid mount config for type "bind": bind source path does not exist: ${source}`, {
      code: 'BIND_SOURCE_MISSING',
      hint: `make it first: mkdir -p ${source}`,
    })
  }
}

/** Makes the volumes; anonymous ones go again when `undo` runs. */
async function resolveMount(
  context: ContainersContext,
  wish: MountWish,
  { containerId, undo }: { readonly containerId: string; readonly undo: AsyncDisposableStack },
): Promise<MountRecord> {
  switch (wish.kind) {
    case 'shared':
      return wish.record
    case 'tmpfs':
      return wish
    case 'image': {
      const { id, chainIds } = await context.images.resolve(wish.reference)
      return { ...wish, imageId: id, chainIds, readOnly: true }
    }
    case 'bind':
      if (!wish.createSource) await checkBindSource(context, wish.source)
      return wish
    case 'volume': {
      const { request, ...rest } = wish
      const isNew = request.Name === undefined || request.Name === ''
      const volume = await context.volumes.create(request, isNew ? { madeFor: containerId } : {})
      // a container that replaces another takes its anonymous volumes by name: they stay anonymous, and go with it
      const anonymous = isNew || volume.Labels?.['com.docker.volume.anonymous'] !== undefined
      if (isNew) undo.defer(() => context.volumes.remove(volume.Name, { force: true }))
      // a subpath is looked for at the start: other containers may change the volume until then
      return { ...rest, name: volume.Name, source: volume.Mountpoint, anonymous, driver: volume.Driver }
    }
    default:
      return wish satisfies never
  }
}

async function warnOfReadOnly(context: ContainersContext, { mounts, runtime }: ContainerDocument, warnings: string[]) {
  const { machine, runtimes } = await context.platform()
  const isPossible = await canBindReadOnly(mounts, machine.kernelRelease, runtimes.byName(runtime))
  checkReadOnly(mounts, isPossible, (text) => void warnings.push(text))
}

/** Fills new volumes with what the image has there. */
async function copyUpVolumes(context: ContainersContext, document: ContainerDocument): Promise<void> {
  const volumes = document.mounts.filter((mount) => mount.kind === 'volume' && mount.copyUp && mount.subpath === '')
  if (volumes.length === 0) return
  await context.layers.withImageMounted(document.image.chainIds, async (rootfs) => {
    for (const mount of volumes)
      if (mount.kind === 'volume') await context.volumes.copyUp(mount.name, rootfs, mount.destination)
  })
}

function chooseName(context: ContainersContext, wish: string | undefined): string {
  if (wish !== undefined && wish !== '') return checkedName(wish)
  for (let attempt = 0; ; attempt += 1) {
    const name = nameFromEntropy(context.host.randomHex(4), attempt)
    if (!context.store.isNameTaken(name)) return name
  }
}

/** Whose network or UTS namespace it is, his is the name; "" is the start of the id. */
function chooseHostname({ host, store }: ContainersContext, config: ContainerConfig, hostConfig: HostConfig): string {
  const { Hostname: wish = '' } = config
  const sharing = parseSharing('network mode', hostConfig.NetworkMode)
  if (wish !== '') return wish
  if (sharing.kind === 'container') return hostnameOf(store.find(sharing.container).document)
  const isHosts = sharing.kind === 'host' || hostConfig.UTSMode === 'host'
  return isHosts ? (host.files.readTextSync('/proc/sys/kernel/hostname') ?? '').trim() : ''
}

async function describe(
  context: ContainersContext,
  request: ContainerCreateRequest,
  identity: { readonly id: string; readonly name: string },
  platform: string | undefined,
): Promise<ContainerDocument> {
  const reference = request.Image ?? ''
  if (reference === '') throw new InvalidRequestError('no image given')
  const image = await context.images.resolve(reference, platform)
  checkPlatform(platform, { reference, ...image.config })
  const hostConfig = request.HostConfig ?? {}
  const merged = mergeConfig(request, image.config.config ?? {})
  const config = { ...merged, Hostname: chooseHostname(context, merged, hostConfig), Image: reference }
  const { runtimes } = await context.platform()
  return {
    ...identity,
    createdAt: context.host.clock.nowRfc3339(),
    image: { reference, id: image.id, chainIds: image.chainIds, platform: image.config.os },
    config,
    hostConfig,
    endpoints: wantedEndpoints(hostConfig, request.NetworkingConfig?.EndpointsConfig ?? {}),
    mounts: [],
    ...commandLine(config),
    runtime: runtimes.byName(hostConfig.Runtime).name,
    state: {
      status: 'created',
      bootId: '',
      process: undefined,
      exitCode: 0,
      error: '',
      oomKilled: false,
      startedAt: NEVER,
      finishedAt: NEVER,
    },
    restartCount: 0,
    manuallyStopped: false,
  }
}

/** @throws InvalidRequestError, ConflictError (name), NotFoundError (image). */
export async function createContainer(
  context: ContainersContext,
  request: ContainerCreateRequest,
  options: { readonly name?: string; readonly platform?: string },
): Promise<ContainerCreateResponse> {
  const id = context.host.randomHex(32)
  const name = chooseName(context, options.name)
  const warnings: string[] = []
  await using undo = new AsyncDisposableStack()
  undo.defer(context.store.reserveName(name, id))
  const described = await describe(context, request, { id, name }, options.platform)
  await validate(context, described, (text) => void warnings.push(text))
  const wishes = planMounts(
    described.config,
    described.hostConfig,
    (other) => context.store.find(other).document.mounts,
  )

  context.store.announce(described)
  undo.defer(() => context.store.withdraw(id))
  undo.defer(() => context.layers.remove(id))
  await context.layers.prepare(id, described.image.chainIds)
  const mounts: MountRecord[] = []
  for (const wish of wishes) mounts.push(await resolveMount(context, wish, { containerId: id, undo }))
  const document = { ...described, mounts }
  await warnOfReadOnly(context, document, warnings)
  warnOfLabels(context.host.files, mounts, (text) => void warnings.push(text))
  await copyUpVolumes(context, document)

  const container = context.store.add(document)
  undo.move() // kept from here on
  publish(context, container, 'create')
  return { Id: id, Warnings: warnings }
}
