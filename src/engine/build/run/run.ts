/**
 * RUN: one command in a container of its own, over the snapshot that becomes its layer. What is set up is undone in the
 * opposite order, whatever happens; after it the snapshot holds what the command wrote and nothing else.
 */
import { CanceledError } from '../../../errors.ts'
import { MS_BIND } from '../../../host/mounts.ts'
import { ensureWorkingDir, refuseSystemLinks } from '../../containers/prepare-spec.ts'
import { formatOci } from '../../containers/spec/spec.ts'
import type { CdiEdits } from '../../containers/cdi.ts'
import { deviceEdits } from './devices.ts'
import { checkEntitlements } from './entitlements.ts'
import { makeMountPoints, type MountPoint } from './mount-points.ts'
import { provideMounts } from './mounts.ts'
import { openStepNetwork } from './network.ts'
import { prepareStepSpec } from './prepare-spec.ts'
import { runProcess } from './process.ts'
import type { RunContext, RunStep, StepOutput, StepResult } from './step.ts'
import { openStepFolder, removeStepFolder, type StepFolder } from './step-folder.ts'

/** What the runtime and we mount in every step. */
const SYSTEM_POINTS: readonly MountPoint[] = [
  { path: '/proc', kind: 'folder' },
  { path: '/dev', kind: 'folder' },
  { path: '/sys', kind: 'folder' },
  { path: '/etc/hosts', kind: 'file' },
  { path: '/etc/resolv.conf', kind: 'file' },
]

async function openFolder(
  context: RunContext,
  { snapshot }: RunStep,
  { id, cgroupPath, undo }: { id: string; cgroupPath: string; undo: AsyncDisposableStack },
): Promise<StepFolder> {
  const folder = await openStepFolder(context, { id, cgroupPath })
  undo.defer(() => removeStepFolder(context, folder.folder))
  context.host.mounts.mount({ source: snapshot.root, target: folder.rootfs, flags: MS_BIND })
  return folder
}

/** Where the mounts of CDI devices go. */
async function devicePoints({ host }: RunContext, cdi: readonly CdiEdits[]): Promise<MountPoint[]> {
  const mounts = cdi.flatMap(({ mounts: own = [] }) => own)
  return await Promise.all(
    mounts.map(async ({ hostPath, containerPath, type = 'bind' }): Promise<MountPoint> => {
      const isFile = type === 'bind' && (await host.files.stat(hostPath)).isFile()
      return { path: containerPath, kind: isFile ? 'file' : 'folder' }
    }),
  )
}

/**
 * Resolves with the command's exit code when nothing of it is left: no process, cgroup, mount, namespace, file. Throws
 * CanceledError, BUILD_ENTITLEMENT, BUILD_SECRET_MISSING, BUILD_SSH_MISSING, InvalidRequestError (a user, a mount's source
 * that is not there, NO_SUCH_DEVICE), RUNTIME_FAILED.
 */
export async function runStep(
  context: RunContext,
  step: RunStep,
  output: StepOutput,
  signal: AbortSignal,
): Promise<StepResult> {
  const { host } = context
  const { work, snapshot } = step
  checkEntitlements(step)
  if (signal.aborted) throw new CanceledError('the step was canceled')
  const warn = (text: string): void => output('stderr', Buffer.from(`warning: ${text}\n`))
  const cdi = await deviceEdits(host, work.devices ?? [], step.entitlements, warn)
  const { cgroups, runtimes } = await context.platform()
  const runtime = runtimes.byName('')
  const id = host.randomHex(32)
  const cgroupPath = cgroups.pathOf(id, step.cgroupParent)
  await using undo = new AsyncDisposableStack()
  runtime.prepare()
  const folder = await openFolder(context, step, { id, cgroupPath, undo })
  const provided = await provideMounts(context, step, { folder, undo, signal })
  await refuseSystemLinks(context, snapshot.root)
  const points = makeMountPoints(host.at, snapshot.root, [
    ...SYSTEM_POINTS,
    ...provided.points,
    ...(await devicePoints(context, cdi)),
  ])
  undo.defer(() => points.remove())
  ensureWorkingDir(context, snapshot.root, work.workingDirectory)
  const sandbox = await openStepNetwork(context, step, { folder, undo })
  using exposed = new DisposableStack()
  const netnsPath = sandbox === undefined ? undefined : exposed.use(runtime.expose(sandbox.netnsPath)).path
  const spec = await prepareStepSpec(context, step, { folder, runtime, provided, netnsPath, cgroupPath, cdi })
  await host.files.writeFile(folder.configJson, formatOci(spec), { mode: 0o600 })
  return await runProcess(context, { runtime, folder, cgroupPath, program: work.argv[0] ?? '' }, output, signal)
}
