/**
 * Lifecycle hooks of a service. `post_start` and `pre_stop` are execs in the container, one after the other; the first
 * that fails fails the command. Source: Compose Specification (post_start, pre_stop), docker compose pkg/compose/hook.go.
 */
import type { ExecCreateRequest } from '../api/types/index.ts'
import type { Hook, Project, Service } from '../compose/model.ts'
import { ConflictError, MycomposeError, NotFoundError } from '../errors.ts'
import type { ProjectContext } from './context.ts'
import { printableLines } from './diagnose.ts'
import { toEnv } from './translate/env.ts'
import { present } from './translate/present.ts'

/** As long as taking away what a container had may last on a busy machine. */
const END_MS = 1000
const END_PAUSE_MS = 50

const MAX_OUTPUT_BYTES = 4096

export interface HookTarget {
  readonly id: string
  readonly service: string
}

/** Also of a service whose profile is off now: its containers may still run. */
export function serviceOf(project: Project | undefined, name: string): Service | undefined {
  return project?.services[name] ?? project?.disabledServices[name]
}

/** Throws MycomposeError HOOK_FAILED. */
export async function runPostStart(
  context: ProjectContext,
  project: Project | undefined,
  target: HookTarget,
): Promise<void> {
  await runAll(context, target, serviceOf(project, target.service)?.postStart)
}

/** Nothing for a container that has stopped already. Throws MycomposeError HOOK_FAILED. */
export async function runPreStop(
  context: ProjectContext,
  project: Project | undefined,
  target: HookTarget,
): Promise<void> {
  await whileItRuns(() => runAll(context, target, serviceOf(project, target.service)?.preStop))
}

/** Its end is recorded only after all that it had is taken away, which a failed hook may be the first to notice. */
async function goesOn({ client, clock }: ProjectContext, { id }: HookTarget): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < END_MS; waitedMs += END_PAUSE_MS) {
    if (!(await client.containers.inspect(id)).State.Running) return false
    await clock.sleep(END_PAUSE_MS)
  }
  return true
}

/**
 * post_start of `run`, beside its command, which may end at any moment: before a hook, while its process is being made, or
 * under it. What fails in a container that has ended by then is not told. Throws MycomposeError HOOK_FAILED.
 */
export async function runPostStartBeside(context: ProjectContext, project: Project, target: HookTarget): Promise<void> {
  await whileItRuns(async () => {
    try {
      await runPostStart(context, project, target)
    } catch (error) {
      if (await goesOn(context, target)) throw error
    }
  })
}

async function runAll(context: ProjectContext, target: HookTarget, hooks: readonly Hook[] = []): Promise<void> {
  for (const hook of hooks) await runHook(context, target, hook)
}

async function whileItRuns(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof ConflictError || error instanceof NotFoundError)) throw error
  }
}

async function runHook(context: ProjectContext, { id, service }: HookTarget, hook: Hook): Promise<void> {
  if (context.dryRun === true) return
  const { containers } = context.client
  const execId = await containers.createExec(id, toExecRequest(hook))
  const session = await containers.startExec(execId, { tty: false })
  session.input.end()
  const onAbort = (): void => session.close()
  context.signal.addEventListener('abort', onAbort, { once: true })
  let tail = Buffer.alloc(0)
  try {
    for await (const { data } of session.output) tail = Buffer.concat([tail, data]).subarray(-MAX_OUTPUT_BYTES)
  } finally {
    context.signal.removeEventListener('abort', onAbort)
    session.close()
  }
  const exitCode = (await containers.inspectExec(execId)).ExitCode ?? 0
  if (exitCode !== 0) throw hookError(`${service} hook exited with status ${exitCode}`, hook, tail.toString())
}

/** The text of docker compose, with the last of what the hook wrote. */
export function hookError(message: string, { command }: Hook, output: string): MycomposeError {
  const lines = printableLines(output)
  return new MycomposeError(lines.length === 0 ? message : `${message}: ${lines.slice(-3).join(' | ')}`, {
    code: 'HOOK_FAILED',
    hint: `the command was: ${command.join(' ')}`,
  })
}

function toExecRequest({ command, user, privileged, workingDir, environment }: Hook): ExecCreateRequest {
  const env = toEnv(environment ?? {})
  return present<ExecCreateRequest>({
    Cmd: command,
    AttachStdout: true,
    AttachStderr: true,
    User: user,
    Privileged: privileged,
    WorkingDir: workingDir,
    Env: env.length > 0 ? env : undefined,
  })
}
