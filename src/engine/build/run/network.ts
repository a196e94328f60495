/** The network of a RUN step: a sandbox of its own, or the host's; and the files by which names are found in it. */
import { writeNameFiles } from '../../containers/write-etc-files.ts'
import { DEFAULT_NETWORK } from '../../containers/network-mode.ts'
import type { Sandbox } from '../../services/index.ts'
import type { RunContext, RunStep } from './step.ts'
import type { StepFolder } from './step-folder.ts'

/** As BuildKit has it; programs tell by it that they run in a build. */
const DEFAULT_HOSTNAME = 'buildkitsandbox'

export function hostnameOf({ work }: Pick<RunStep, 'work'>): string {
  return work.hostname ?? DEFAULT_HOSTNAME
}

/** Undefined: the host's. Closed by `undo`. */
async function openSandbox(
  { networks }: RunContext,
  step: RunStep,
  { id, undo }: { id: string; undo: AsyncDisposableStack },
): Promise<Sandbox | undefined> {
  const { network } = step.work
  if (network === 'host') return undefined
  undo.defer(() => networks.closeSandbox(id))
  return await networks.openSandbox({
    containerId: id,
    containerName: `build-${id.slice(0, 12)}`,
    hostname: hostnameOf(step),
    endpoints: network === 'none' ? {} : { [step.network ?? DEFAULT_NETWORK]: {} },
    portBindings: {},
    publishAll: false,
    exposedPorts: [],
    dns: [],
  })
}

export async function openStepNetwork(
  context: RunContext,
  step: RunStep,
  { folder, undo }: { folder: StepFolder; undo: AsyncDisposableStack },
): Promise<Sandbox | undefined> {
  const sandbox = await openSandbox(context, step, { id: folder.id, undo })
  const files = { hosts: folder.hosts, hostname: undefined, resolvConf: folder.resolvConf }
  const { extraHosts } = step.work
  const wishes = { hostname: hostnameOf(step), domainname: '', extraHosts, dns: [], dnsSearch: [], dnsOptions: [] }
  await writeNameFiles(context, files, wishes, sandbox)
  return sandbox
}
