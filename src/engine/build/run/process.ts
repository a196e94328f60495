/**
 * The process of a RUN step: the runtime's `run` as our child, without conmon, as a build does not outlive its engine. Its
 * output comes by pipes, its exit code is the runtime's; the runtime's own errors go to a file, so that the two cannot be
 * mistaken. Standard input is an empty pipe: a descriptor of the host's /dev/null would be one of the host's files.
 */
import { CanceledError } from '../../../errors.ts'
import type { Cgroups } from '../../cgroups/cgroups.ts'
import { SIGKILL } from '../../containers/signals.ts'
import type { OciRuntime } from '../../runtime/runtime.ts'
import { startError } from '../../runtime/runtime-error.ts'
import type { RunContext, StepOutput, StepResult } from './step.ts'
import type { StepFolder } from './step-folder.ts'

const ATTEMPTS = 2000
const PAUSE_MS = 5
/** So often a runtime that lost its processes is asked for its end, before it is killed. */
const PATIENT_ATTEMPTS = 40
const KILLED_EXIT_CODE = 128 + SIGKILL

export interface StepProcess {
  readonly runtime: OciRuntime
  readonly folder: StepFolder
  readonly cgroupPath: string
  readonly program: string
}

/** PURE */
function runArgv({ runtime, folder }: StepProcess): string[] {
  const { runtimeState, runtimeLog, folder: bundle, id } = folder
  return [runtime.path, '--root', runtimeState, '--log', runtimeLog, 'run', '--bundle', bundle, id]
}

/**
 * Ends all that runs of a step, whatever state it is in. First what is in its cgroup: the runtime then sees the end of its
 * child, cleans up and ends. One that is still setting up may make the cgroup only now, and is killed in the end; it is
 * told by its command line, which is empty while it is being started: whoever has started it knows better (`isRunning`).
 * Idempotent.
 */
export async function killStep(
  { host, log }: Pick<RunContext, 'host' | 'log'>,
  cgroups: Cgroups,
  { id, cgroupPath }: { readonly id: string; readonly cgroupPath: string },
  isRunning: () => boolean = () => false,
): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const isRemoved = await cgroups.remove(cgroupPath)
    const runtimes = host.processes.withArguments('run', '--bundle', id)
    if (isRemoved && runtimes.length === 0 && !isRunning()) return
    if (attempt >= PATIENT_ATTEMPTS) for (const pid of runtimes) host.processes.signal(pid, SIGKILL)
    await host.clock.sleep(PAUSE_MS)
  }
  log('error', 'cannot end a build step', { step: id, cgroup: cgroupPath })
}

/** The runtime could not start the program; 126 and 127 as a shell would have it. Undefined: it was not the runtime's fault. */
async function failedStart(
  { host }: RunContext,
  { folder, program }: StepProcess,
  output: StepOutput,
): Promise<number | undefined> {
  const log = (await host.files.readTextIfExists(folder.runtimeLog)) ?? ''
  // runc tells more than errors
  const errors = log.split('\n').filter((line) => !/\blevel=(?:warning|info|debug)\b/.test(line))
  const text = errors.join('\n')
  if (text.trim() === '') return undefined
  const error = startError(program, text)
  if (error.exitCode !== 126 && error.exitCode !== 127) throw error
  output('stderr', Buffer.from(`${error.message}\n`))
  return error.exitCode
}

/** Resolves when nothing of it is left. Throws RUNTIME_FAILED, CanceledError. */
export async function runProcess(
  context: RunContext,
  process: StepProcess,
  output: StepOutput,
  signal: AbortSignal,
): Promise<StepResult> {
  const { cgroups } = await context.platform()
  const { runtime, folder, cgroupPath } = process
  if (signal.aborted) throw new CanceledError('the step was canceled')
  cgroups.expect(cgroupPath)
  const child = runtime.spawn(runArgv(process), { cwd: '/', stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin?.on('error', () => {}) // nobody reads it
  child.stdin?.end()
  child.stdout?.on('data', (chunk: Buffer) => output('stdout', chunk))
  child.stderr?.on('data', (chunk: Buffer) => output('stderr', chunk))
  const target = { id: folder.id, cgroupPath }
  let hasEnded = false
  const ended = child.exited.finally(() => (hasEnded = true))
  let killing: Promise<void> | undefined
  const cancel = (): void => void (killing = killStep(context, cgroups, target, () => !hasEnded))
  signal.addEventListener('abort', cancel, { once: true })
  try {
    const { exitCode } = await ended
    if (signal.aborted) throw new CanceledError('the step was canceled')
    const failure = exitCode === 0 ? undefined : await failedStart(context, process, output)
    return { exitCode: failure ?? exitCode ?? KILLED_EXIT_CODE }
  } finally {
    signal.removeEventListener('abort', cancel)
    await (killing ?? cgroups.remove(cgroupPath))
  }
}
