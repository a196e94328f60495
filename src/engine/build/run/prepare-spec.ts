/** From a RUN step to its OCI spec: that of a container with the defaults, but for what a build has otherwise. */
import type { HostConfig } from '../../../api/types/index.ts'
import { toOciResources } from '../../cgroups/limits.ts'
import type { CdiEdits } from '../../containers/cdi.ts'
import { containerUser, grantedDevices } from '../../containers/prepare-spec.ts'
import { parseSecurityOptions } from '../../containers/security.ts'
import { chooseCapabilities } from '../../containers/spec/capabilities.ts'
import { mergeEnv } from '../../containers/spec/environment.ts'
import type { OciSpec } from '../../containers/spec/oci.ts'
import { toRlimits } from '../../containers/spec/rlimits.ts'
import { flattenProfile } from '../../containers/spec/seccomp.ts'
import { toOciSpec, type NamespaceSource } from '../../containers/spec/spec.ts'
import type { OciRuntime } from '../../runtime/runtime.ts'
import type { ProvidedMounts } from './mounts.ts'
import { hostnameOf } from './network.ts'
import type { RunContext, RunStep, RunWork } from './step.ts'
import type { StepFolder } from './step-folder.ts'

const DEFAULT_SHM_BYTES = 64 * 2 ** 20
const PRIVATE: NamespaceSource = { kind: 'private' }

export interface SpecParts {
  readonly folder: StepFolder
  readonly runtime: OciRuntime
  readonly provided: ProvidedMounts
  /** The namespace as the runtime reaches it; undefined: the host's. */
  readonly netnsPath: string | undefined
  readonly cgroupPath: string
  readonly cdi: readonly CdiEdits[]
}

/** PURE: secrets last; the agent's socket unless the image or a secret says another. */
function environmentOf(work: RunWork, { provided, cdi }: Pick<SpecParts, 'provided' | 'cdi'>): string[] {
  const { env, agentSocket } = provided
  const ofDevices = cdi.flatMap(({ env: own = [] }) => own)
  const merged = mergeEnv([...work.env, ...work.hiddenEnv], [...ofDevices, ...env])
  const isSet = merged.some((entry) => entry.startsWith('SSH_AUTH_SOCK='))
  return agentSocket === undefined || isSet ? merged : [...merged, `SSH_AUTH_SOCK=${agentSocket}`]
}

/** PURE */
function hostConfigOf({ work, memoryBytes }: RunStep): HostConfig {
  return {
    Privileged: work.security === 'insecure',
    ...(memoryBytes === undefined ? {} : { Memory: memoryBytes }),
  }
}

/** Throws InvalidRequestError (an unknown user, a wrong ulimit). */
export async function prepareStepSpec(context: RunContext, step: RunStep, parts: SpecParts): Promise<OciSpec> {
  const { work, snapshot } = step
  const { folder, runtime, provided, netnsPath, cgroupPath, cdi } = parts
  const { machine, cgroups, seccompFor } = await context.platform()
  const warn = (text: string): void => context.log('warn', text, { step: work.commandText })
  const hostConfig = hostConfigOf(step)
  const privileged = hostConfig.Privileged === true
  const security = parseSecurityOptions([], { privileged, hasAppArmor: machine.hasAppArmor }, warn)
  const capabilities = chooseCapabilities({ privileged, add: [], drop: [], available: machine.capabilities })
  const { arch, kernelRelease, hardLimits, thermalThrottle } = machine
  const mayRaise = machine.capabilities.includes('CAP_SYS_RESOURCE')
  const user = containerUser(context, snapshot.root, work.user, [])
  const deviceGids = cdi.flatMap(({ additionalGids = [] }) => additionalGids)
  return toOciSpec({
    rootfs: folder.rootfs,
    hostname: hostnameOf(step),
    exportsHostname: false,
    domainname: '',
    args: work.argv,
    env: environmentOf(work, parts),
    workingDir: work.workingDirectory,
    tty: false,
    user: { ...user, additionalGids: [...new Set([...user.additionalGids, ...deviceGids])] },
    annotations: {},
    apparmorProfile: security.apparmorProfile,
    cdi,
    hostConfig,
    capabilities,
    rlimits: toRlimits({ ulimits: work.ulimits, hardLimits, mayRaise }, warn),
    noNewPrivileges: false,
    unconfinedSystemPaths: security.unconfinedSystemPaths,
    devices: await grantedDevices(context, hostConfig, cdi),
    namespaces: {
      network: netnsPath === undefined ? { kind: 'host' } : { kind: 'path', path: netnsPath },
      pid: PRIVATE,
      ipc: PRIVATE,
      uts: PRIVATE,
      cgroup: cgroups.layout.kind !== 'v2' || privileged ? { kind: 'host' } : PRIVATE,
    },
    cgroupsPath: cgroupPath,
    resources: toOciResources(hostConfig, cgroups.abilities, warn),
    seccomp:
      security.seccomp === undefined
        ? { kind: 'unconfined' }
        : seccompFor(runtime, flattenProfile(security.seccomp, { capabilities, arch, kernelRelease })),
    thermalThrottle,
    mounts: provided.mounts,
    recursiveReadOnly: new Set(), // nothing is mounted below what we bind
    etcFiles: { hosts: folder.hosts, hostname: undefined, resolvConf: folder.resolvConf, readOnly: true },
    sharedMemory: { kind: 'private', sizeBytes: work.shmSizeBytes ?? DEFAULT_SHM_BYTES },
    initPath: undefined,
  })
}
