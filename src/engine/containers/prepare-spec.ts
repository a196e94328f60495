/** From a container's document, its mounted root and its sandbox to the OCI spec: gathers what toOciSpec needs. */
import { join } from 'node:path'
import { ConflictError, InvalidRequestError, UnsupportedError, errnoOf } from '../../errors.ts'
import { MS_NODEV, MS_NOEXEC, MS_NOSUID } from '../../host/mounts.ts'
import type { HostConfig } from '../../api/types/index.ts'
import type { ContainerDocument } from '../../state/containers.ts'
import { toOciResources } from '../cgroups/limits.ts'
import { findProgram } from '../runtime/programs.ts'
import type { OciRuntime } from '../runtime/runtime.ts'
import type { Sandbox } from '../services/index.ts'
import type { EngineBase } from '../context.ts'
import type { ContainersContext } from './context.ts'
import type { SourcedMount } from './mount-sources.ts'
import { containerFolder } from './folders.ts'
import { allDevices, expandDevice, type Machine } from './machine.ts'
import { hostnameOf, parseSharing } from './network-mode.ts'
import { parseSecurityOptions, type SecurityOptions } from './security.ts'
import { cdiEdits, type CdiEdits } from './cdi.ts'
import { toAnnotations } from './spec/annotations.ts'
import { mergeEnv } from './spec/environment.ts'
import { chooseCapabilities } from './spec/capabilities.ts'
import type { GrantedDevice } from './spec/devices.ts'
import type { SharedMemory } from './spec/mounts.ts'
import type { OciSpec } from './spec/oci.ts'
import { toRlimits } from './spec/rlimits.ts'
import { flattenProfile } from './spec/seccomp.ts'
import { toOciSpec, type NamespaceSource, type ResolvedUser, type SpecInput } from './spec/spec.ts'
import { canBindReadOnly, readOnlyFolders } from './read-only.ts'
import type { Container } from './store.ts'
import { resolveUser } from './user.ts'

const MAX_USER_FILE_BYTES = 4 * 2 ** 20
const DEFAULT_SHM_BYTES = 64 * 2 ** 20
const INIT_PROGRAMS = ['docker-init', 'tini-static', 'tini', 'catatonit']

/** Ids of the container's user, from files inside its root. Throws InvalidRequestError. */
export function containerUser(
  { host }: Pick<EngineBase, 'host'>,
  rootfs: string,
  spec: string,
  groupAdd: readonly string[],
): ResolvedUser {
  const read = (path: string): string => host.rooted.readText(rootfs, path, MAX_USER_FILE_BYTES) ?? ''
  return resolveUser(spec, groupAdd, { passwd: read('/etc/passwd'), group: read('/etc/group') })
}

/** An image whose /dev or /proc is a link would lead the runtime's mounts elsewhere (CVE-2026-47766, CVE-2023-27561). */
export async function refuseSystemLinks({ host }: Pick<EngineBase, 'host'>, rootfs: string): Promise<void> {
  for (const name of ['dev', 'proc', 'sys']) {
    const isLink = await host.files.lstat(join(rootfs, name)).then(
      (found) => found.isSymbolicLink(),
      (error: unknown) => {
        if (errnoOf(error) === 'ENOENT') return false
        throw error
      },
    )
    if (isLink)
      throw new InvalidRequestError(`/${name} of the image is a symbolic link: refused`, { code: 'HOSTILE_IMAGE' })
  }
}

/** Made by root where it is missing. Throws InvalidRequestError when something else is there. */
export function ensureWorkingDir({ host }: Pick<EngineBase, 'host'>, rootfs: string, directory: string): void {
  try {
    host.rooted.makeFolders(rootfs, directory, 0o755)
  } catch (error) {
    if (errnoOf(error) !== 'ENOTDIR') throw error
    throw new InvalidRequestError(`Cannot mkdir: ${directory} is not a directory`, { cause: error })
  }
}

/** The running container whose namespace is to be joined. Throws ConflictError. */
function joinedProcess(context: ContainersContext, what: string, idOrName: string): { other: Container; pid: number } {
  const other = context.store.find(idOrName)
  const process = other.run === undefined ? undefined : other.document.state.process
  if (process === undefined)
    throw new ConflictError(`cannot join ${what} of a non running container: ${other.id}`, {
      hint: `start ${other.document.name} first`,
    })
  return { other, pid: process.pid }
}

function namespaceOf(context: ContainersContext, type: 'pid' | 'ipc', mode: string | undefined): NamespaceSource {
  const sharing = parseSharing(`${type} mode`, mode)
  if (sharing.kind === 'own') return { kind: 'private' }
  if (sharing.kind === 'host') return sharing
  const { pid } = joinedProcess(context, `${type.toUpperCase()} namespace`, sharing.container)
  return { kind: 'path', path: `/proc/${pid}/ns/${type}` }
}

function networkNamespace(
  context: ContainersContext,
  { hostConfig }: ContainerDocument,
  sandbox: Sandbox | undefined,
  expose: (path: string) => string,
): NamespaceSource {
  const sharing = parseSharing('network mode', hostConfig.NetworkMode)
  if (sharing.kind === 'host') return sharing
  if (sharing.kind === 'own') {
    if (sandbox === undefined) throw new Error('no sandbox')
    return { kind: 'path', path: expose(sandbox.netnsPath) }
  }
  const { other, pid } = joinedProcess(context, 'network namespace', sharing.container)
  const open = context.networks.sandbox(other.id)
  return {
    kind: 'path',
    path: open === undefined ? `/proc/${pid}/ns/net` : expose(open.netnsPath),
  }
}

/** /dev/shm: private, the host's, another container's, or (shareable) a tmpfs of ours that others can join. */
async function sharedMemory(context: ContainersContext, document: ContainerDocument): Promise<SharedMemory> {
  const { IpcMode: mode = '', ShmSize: size = 0 } = document.hostConfig
  const sizeBytes = size > 0 ? size : DEFAULT_SHM_BYTES
  const sharing = parseSharing('ipc mode', mode)
  if (sharing.kind === 'host') return { kind: 'bind', source: '/dev/shm' }
  if (sharing.kind === 'container') {
    const { other } = joinedProcess(context, 'IPC namespace', sharing.container)
    if (other.document.hostConfig.IpcMode !== 'shareable')
      throw new ConflictError(`cannot join IPC namespace of container ${other.id}: it is not shareable`, {
        hint: `give ${other.document.name} "ipc: shareable"`,
      })
    return { kind: 'bind', source: containerFolder(context.config, other.id).shm }
  }
  if (mode === 'none') return { kind: 'none' }
  if (mode !== 'shareable') return { kind: 'private', sizeBytes }
  const { shm } = containerFolder(context.config, document.id)
  context.host.rooted.makeFolders('/', shm, 0o700)
  context.host.mounts.mount({
    source: 'shm',
    target: shm,
    type: 'tmpfs',
    flags: MS_NOSUID | MS_NOEXEC | MS_NODEV,
    data: `mode=1777,size=${sizeBytes}`,
  })
  return { kind: 'bind', source: shm }
}

/** What the container may use of the machine: all, or those of its configuration and of CDI. */
export async function grantedDevices(
  context: Pick<ContainersContext, 'host'>,
  { Privileged, Devices }: HostConfig,
  cdi: readonly CdiEdits[],
): Promise<GrantedDevice[]> {
  const named = cdi
    .flatMap(({ deviceNodes = [] }) => deviceNodes)
    .map(({ path, hostPath = path, permissions = 'rwm' }) => ({
      PathOnHost: hostPath,
      PathInContainer: path,
      CgroupPermissions: permissions,
    }))
  if (Privileged === true) return allDevices(context.host)
  const mappings = [...(Devices ?? []), ...named]
  return (await Promise.all(mappings.map((mapping) => expandDevice(context.host, mapping)))).flat()
}

function initProgram({ host }: ContainersContext, document: ContainerDocument): string | undefined {
  const { Init, PidMode } = document.hostConfig
  if (Init !== true || (PidMode ?? '') !== '') return undefined
  const path = INIT_PROGRAMS.map((name) => findProgram(host, name)).find((found) => found !== undefined)
  if (path !== undefined) return path
  throw new UnsupportedError('no init program is installed', { code: 'PROGRAM_MISSING', hint: 'apt-get install tini' })
}

/** The container's security settings; exec uses them too. */
export function securityOf(
  { hostConfig }: ContainerDocument,
  { hasAppArmor }: Machine,
  warn: (text: string) => void,
): SecurityOptions {
  const privileged = hostConfig.Privileged ?? false
  return parseSecurityOptions(hostConfig.SecurityOpt ?? [], { privileged, hasAppArmor }, warn)
}

export async function capabilitiesOf(context: ContainersContext, { hostConfig }: ContainerDocument): Promise<string[]> {
  const { machine } = await context.platform()
  return chooseCapabilities({
    privileged: hostConfig.Privileged ?? false,
    add: hostConfig.CapAdd ?? [],
    drop: hostConfig.CapDrop ?? [],
    available: machine.capabilities,
  })
}

/** With mounts that can be bound (mount-sources.ts). */
export type SourcedDocument = ContainerDocument & { readonly mounts: readonly SourcedMount[] }

export interface SpecSources {
  readonly rootfs: string
  readonly sandbox: Sandbox | undefined
  readonly runtime: OciRuntime
  readonly hasEtcFiles: boolean
  /** See OciRuntime.expose; what it makes must live until the container is created. */
  readonly expose: (path: string) => string
}

/** Throws InvalidRequestError, ConflictError (a namespace to join is gone). */
export async function prepareSpec(
  context: ContainersContext,
  document: SourcedDocument,
  { rootfs, sandbox, runtime, hasEtcFiles, expose }: SpecSources,
): Promise<OciSpec> {
  const { config, hostConfig } = document
  const { machine, cgroups, seccompFor } = await context.platform()
  const warn = (text: string): void => context.log('warn', text, { container: document.name })
  const security = securityOf(document, machine, warn)
  const capabilities = await capabilitiesOf(context, document)
  const workingDir = config.WorkingDir === undefined || config.WorkingDir === '' ? '/' : config.WorkingDir
  await refuseSystemLinks(context, rootfs)
  ensureWorkingDir(context, rootfs, workingDir)
  const folder = containerFolder(context.config, document.id)
  const cgroupHost =
    hostConfig.CgroupnsMode === 'host' || cgroups.layout.kind !== 'v2' || hostConfig.Privileged === true
  const cdi = await cdiEdits(context.host, hostConfig.DeviceRequests ?? [])
  const user = containerUser(context, rootfs, config.User ?? '', hostConfig.GroupAdd ?? [])
  const deviceGids = cdi.flatMap(({ additionalGids = [] }) => additionalGids)
  const input: SpecInput = {
    rootfs,
    hostname: hostnameOf(document),
    domainname: config.Domainname ?? '',
    args: [document.path, ...document.args],
    env: mergeEnv(
      config.Env ?? [],
      cdi.flatMap(({ env = [] }) => env),
    ),
    workingDir,
    tty: config.Tty ?? false,
    user: { ...user, additionalGids: [...new Set([...user.additionalGids, ...deviceGids])] },
    annotations: toAnnotations(hostConfig.Annotations ?? {}, warn),
    apparmorProfile: security.apparmorProfile,
    cdi,
    hostConfig,
    capabilities,
    rlimits: toRlimits(
      {
        ulimits: hostConfig.Ulimits ?? [],
        hardLimits: machine.hardLimits,
        mayRaise: machine.capabilities.includes('CAP_SYS_RESOURCE'),
      },
      warn,
    ),
    noNewPrivileges: security.noNewPrivileges,
    unconfinedSystemPaths: security.unconfinedSystemPaths,
    devices: await grantedDevices(context, hostConfig, cdi),
    namespaces: {
      network: networkNamespace(context, document, sandbox, expose),
      pid: namespaceOf(context, 'pid', hostConfig.PidMode),
      ipc: namespaceOf(context, 'ipc', hostConfig.IpcMode),
      uts: hostConfig.UTSMode === 'host' ? { kind: 'host' } : { kind: 'private' },
      cgroup: cgroupHost && hostConfig.CgroupnsMode !== 'private' ? { kind: 'host' } : { kind: 'private' },
    },
    cgroupsPath: cgroups.pathOf(document.id, hostConfig.CgroupParent),
    resources: toOciResources(hostConfig, cgroups.abilities, warn),
    seccomp:
      security.seccomp === undefined
        ? { kind: 'unconfined' }
        : seccompFor(
            runtime,
            flattenProfile(security.seccomp, {
              capabilities,
              arch: machine.arch,
              kernelRelease: machine.kernelRelease,
            }),
          ),
    thermalThrottle: machine.thermalThrottle,
    mounts: document.mounts,
    recursiveReadOnly: (await canBindReadOnly(document.mounts, machine.kernelRelease, runtime))
      ? await readOnlyFolders(context.host.files, document.mounts)
      : new Set(),
    etcFiles: hasEtcFiles
      ? { hosts: folder.hosts, hostname: folder.hostname, resolvConf: folder.resolvConf }
      : undefined,
    sharedMemory: await sharedMemory(context, document),
    initPath: initProgram(context, document),
  }
  return toOciSpec(input)
}
