/**
 * Attached `up`: creates, then starts while it already follows the output; knows when all have ended, and stops them on
 * request. Signals, prefixes and colours are the CLI's matter.
 */
import type { Project } from '../compose/model.ts'
import { UsageError } from '../errors.ts'
import type { ProjectContext } from './context.ts'
import { executePlan, splitAtStarts } from './execute.ts'
import { createFollower } from './follow.ts'
import type { Exit, Follower } from './follow.ts'
import { kill } from './kill.ts'
import { toLogSource } from './logs.ts'
import type { LogEvent, LogSource } from './logs.ts'
import { stop } from './stop.ts'
import { createUpExecution, prepareUp } from './up.ts'
import type { UpOptions } from './up.ts'
import type { UpPlan } from './reconcile/up.ts'

export interface AttachOptions extends UpOptions {
  /** Follow only these (--attach). */
  readonly attach?: readonly string[]
  /** Do not follow these (--no-attach). */
  readonly noAttach?: readonly string[]
  readonly attachDependencies?: boolean
  readonly abortOnContainerExit?: boolean
  readonly abortOnContainerFailure?: boolean
  /** Implies abortOnContainerExit unless abortOnContainerFailure. */
  readonly exitCodeFrom?: string
  readonly timestamps?: boolean
}

export interface AttachedRun {
  /** Short names, sorted: "db-1", "web-1". */
  readonly attachedTo: readonly string[]
  /** Output and exits; ends when the run has ended. */
  readonly events: AsyncIterable<LogEvent>
  /**
   * When everything has stopped: the exit code of the command by the rules of the abort options. Rejects with what made
   * starting fail.
   */
  readonly ended: Promise<number>
  /** First signal: graceful stop in reverse order of what was asked for. Resolves when stopped. Idempotent. */
  stop(): Promise<void>
  /** Second signal: SIGKILL. */
  kill(): Promise<void>
  /** Leaves the containers running and ends the events (`d` of --menu). */
  detach(): void
}

/**
 * Resolves once everything is created; starting goes on while the output flows, and still tells its progress. Throws
 * what `up` throws while creating.
 */
export async function attachUp(
  context: ProjectContext,
  project: Project,
  options: AttachOptions,
): Promise<AttachedRun> {
  if (options.exitCodeFrom !== undefined && project.services[options.exitCodeFrom] === undefined) {
    throw new UsageError(`no such service: ${options.exitCodeFrom}`)
  }
  const planned = await prepareUp(context, project, options)
  const starting = new AbortController()
  const run = createRun(context, project, { options, planned, starting })
  const startContext = { ...context, signal: AbortSignal.any([context.signal, starting.signal]) }
  const execution = await createUpExecution(startContext, project, planned, ({ id, name }) => run.started(id, name))
  const [creates, starts] = splitAtStarts(planned.plan)
  await executePlan(execution, creates)
  run.attachRunning()
  void executePlan(execution, starts)
    .then(
      () => run.allStarted(),
      (error: unknown) => run.failedToStart(error),
    )
    .finally(() => execution[Symbol.dispose]())
  return run.attached
}

interface RunInput {
  readonly options: AttachOptions
  readonly planned: UpPlan
  /** Fires when the user stops before everything has started. */
  readonly starting: AbortController
}

interface Run {
  readonly attached: AttachedRun
  started(id: string, name: string): void
  attachRunning(): void
  allStarted(): void
  failedToStart(error: unknown): void
}

function createRun(context: ProjectContext, project: Project, { options, planned, starting }: RunInput): Run {
  const since = (context.clock.nowMs() / 1000).toFixed(3)
  const target = { name: project.name, project }
  const targeted = [
    ...new Set(planned.desired.filter(({ wanted }) => wanted.targeted).map(({ wanted }) => wanted.service.name)),
  ]
  const followedServices = servicesToFollow(planned, options)
  const running = new Set<string>()
  const { promise: ended, resolve, reject } = Promise.withResolvers<number>()
  // whoever reads the events first hears of it when he awaits
  ended.catch(() => {})
  let phase: 'starting' | 'running' | 'stopping' | 'ended' = 'starting'
  let exitCode: number | undefined
  let stopping: Promise<void> | undefined

  const follower: Follower = createFollower(context, project.name, {
    request: { timestamps: options.timestamps === true },
    onExit,
    onRestart: ({ containerId }) => void running.add(containerId),
  })

  function onExit(exit: Exit): void {
    const { source, restarting } = exit
    if (!targeted.includes(source.service)) return
    if (restarting) return
    running.delete(source.containerId)
    const isFirst = exitCode === undefined
    if (options.exitCodeFrom === undefined) exitCode ??= abortCode(options, exit)
    else if (source.service === options.exitCodeFrom) exitCode ??= exit.exitCode
    if (phase !== 'stopping' && isFirst && abortCode(options, exit) !== undefined) void abortRun(source)
    endIfOver()
  }

  async function abortRun(source: LogSource): Promise<void> {
    const text = `Aborting on container exit: ${source.containerName}`
    context.sink.notice({ level: 'info', text })
    await attached.stop().catch(finish)
  }

  function endIfOver(): void {
    if (phase !== 'starting' && running.size === 0) finish()
  }

  function finish(error?: unknown): void {
    if (phase === 'ended') return
    phase = 'ended'
    follower.end()
    if (error === undefined) resolve(exitCode ?? 0)
    else reject(error)
  }

  async function stopAll(): Promise<void> {
    phase = 'stopping'
    starting.abort()
    const { timeoutSeconds } = options
    await stop(context, target, { services: targeted, ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }) })
    // exits are told by events: none is missed, but none is waited for without end
    await context.clock.sleep(EXIT_GRACE_MS, AbortSignal.any([context.signal, overSignal()])).catch(() => {})
    finish()
  }

  function overSignal(): AbortSignal {
    const over = new AbortController()
    void ended.finally(() => over.abort()).catch(() => {})
    return over.signal
  }

  const attached: AttachedRun = {
    attachedTo: planned.desired
      .filter(({ wanted }) => followedServices.has(wanted.service.name))
      .map(
        ({ name, wanted, number }) =>
          toLogSource(project.name, { id: '', name, number, service: wanted.service.name }).shortName,
      )
      .toSorted(),
    events: follower.events,
    ended,
    stop: () => (stopping ??= stopAll()),
    kill: async () => await kill(context, target, { services: targeted }),
    detach: () => finish(),
  }

  function follow(source: LogSource): void {
    if (targeted.includes(source.service)) running.add(source.containerId)
    if (followedServices.has(source.service)) follower.add(source, since)
    else follower.watch(source)
  }

  return {
    attached,
    started(id, name) {
      const desired = planned.desired.find((one) => one.name === name)
      if (desired === undefined) return
      follow(toLogSource(project.name, { id, name, number: desired.number, service: desired.wanted.service.name }))
    },
    attachRunning() {
      for (const { name, number, existing, wanted } of planned.desired) {
        if (existing === undefined || !planned.plan.unchanged.includes(name)) continue
        follow(toLogSource(project.name, { id: existing.id, name, number, service: wanted.service.name }))
      }
    },
    allStarted() {
      if (phase === 'starting') phase = 'running'
      endIfOver()
    },
    failedToStart(error) {
      // the user stopped it: stopAll goes on
      if (phase === 'starting') finish(error)
    },
  }
}

/** How long the exits of stopped containers are waited for. */
const EXIT_GRACE_MS = 3000

/** The exit code that ends the run, or undefined when it goes on. */
function abortCode(options: AttachOptions, { exitCode }: Exit): number | undefined {
  if (options.abortOnContainerFailure === true) return exitCode === 0 ? undefined : exitCode
  return options.abortOnContainerExit === true || options.exitCodeFrom !== undefined ? exitCode : undefined
}

/** Named by --attach, else what was asked for (with dependencies where wished), without --no-attach and `attach: false`. */
function servicesToFollow({ desired }: UpPlan, options: AttachOptions): ReadonlySet<string> {
  const { attach = [], noAttach = [], attachDependencies = false } = options
  const wanted = desired.filter(({ wanted: { service, targeted } }) => {
    if (attach.length > 0) return attach.includes(service.name)
    if (noAttach.includes(service.name) || service.attach === false) return false
    return targeted || attachDependencies
  })
  return new Set(wanted.map(({ wanted: { service } }) => service.name))
}
