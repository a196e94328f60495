/** `exec`: a further process in a service's container. */
import type { StreamSession } from '../api/client/client.ts'
import type { ExecCreateRequest } from '../api/types/index.ts'
import { NotFoundError } from '../errors.ts'
import type { ProjectContext, ProjectTarget } from './context.ts'
import { observeContainers } from './observe.ts'
import type { ObservedContainer } from './observe.ts'
import { checkServices } from './select.ts'
import { present } from './translate/present.ts'

export interface ExecOptions {
  readonly service: string
  readonly command: readonly string[]
  /** Replica; absent: the lowest. */
  readonly index?: number
  readonly tty: boolean
  /** Pass input on. */
  readonly interactive: boolean
  readonly detach?: boolean
  readonly user?: string
  readonly workingDir?: string
  readonly privileged?: boolean
  /** "K=V". */
  readonly env?: readonly string[]
  /** Rows and columns of the terminal. */
  readonly consoleSize?: readonly [number, number]
}

export interface ExecRun {
  /** Undefined when detached. */
  readonly session: StreamSession | undefined
  resize(rows: number, columns: number): Promise<void>
  /** Call after the output has ended. */
  exitCode(): Promise<number>
}

/** Throws NotFoundError SERVICE_NOT_RUNNING `service "web" is not running`. */
export async function exec(context: ProjectContext, target: ProjectTarget, options: ExecOptions): Promise<ExecRun> {
  const { containers } = context.client
  const { id } = await findRunning(context, target, options)
  const execId = await containers.createExec(id, toExecRequest(options))
  const session = options.detach === true ? undefined : await startSession(context, execId, options)
  if (options.detach === true) await containers.startExecDetached(execId)
  return {
    session,
    resize: (rows, columns) => containers.resizeExec(execId, rows, columns),
    exitCode: async () => (await containers.inspectExec(execId)).ExitCode ?? 0,
  }
}

/** The lowest replica, service containers before one-offs; `index` counts numbered ones only. */
export async function findRunning(
  context: ProjectContext,
  target: ProjectTarget,
  { service, index }: Pick<ExecOptions, 'service' | 'index'>,
): Promise<ObservedContainer> {
  const all = await observeContainers(context.client, target.name)
  checkServices(target, all, [service])
  const [found] = all
    .filter((container) => container.service === service && container.state === 'running')
    .filter((container) => index === undefined || (!container.oneOff && container.number === index))
    .toSorted((left, right) => Number(left.oneOff) - Number(right.oneOff) || left.number - right.number)
  if (found !== undefined) return found
  throw new NotFoundError(
    index === undefined
      ? `service "${service}" is not running`
      : `service "${service}" is not running container #${index}`,
    { code: 'SERVICE_NOT_RUNNING', hint: `start it with: mycompose up -d ${service}` },
  )
}

function toExecRequest(options: ExecOptions): ExecCreateRequest {
  const { command, tty, interactive, detach = false, user, workingDir, privileged, env, consoleSize } = options
  return present<ExecCreateRequest>({
    Cmd: command,
    Tty: tty,
    AttachStdin: interactive && !detach,
    AttachStdout: !detach,
    AttachStderr: !detach,
    User: user,
    WorkingDir: workingDir,
    Privileged: privileged,
    Env: env,
    ConsoleSize: tty ? consoleSize : undefined,
  })
}

async function startSession(context: ProjectContext, execId: string, options: ExecOptions): Promise<StreamSession> {
  const { tty, consoleSize } = options
  return await context.client.containers.startExec(execId, {
    tty,
    ...(tty && consoleSize !== undefined ? { consoleSize } : {}),
  })
}
