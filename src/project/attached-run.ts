/**
 * The life of an attached `up` from its first start: follows output and exits, decides when it is over and with which
 * code, and stops or kills on request.
 */
import type { Project } from '../compose/model.ts'
import { abortCode, servicesToFollow } from './attach-rules.ts'
import type { AttachedRun, AttachOptions } from './attach-up.ts'
import type { ProjectContext } from './context.ts'
import { createFollower } from './follow.ts'
import type { Exit } from './follow.ts'
import { kill } from './kill.ts'
import { toLogSource } from './logs.ts'
import type { LogSource } from './logs.ts'
import type { DesiredContainer } from './reconcile/input.ts'
import type { UpPlan } from './reconcile/up.ts'
import { stop } from './stop.ts'

/** How long the exits of stopped containers are waited for while there is no output. */
const EXIT_GRACE_MS = 3000

export interface RunInput {
  readonly project: Project
  readonly options: AttachOptions
  readonly planned: UpPlan
  /** Fires when the user stops before everything has started. */
  readonly starting: AbortController
}

export interface Run {
  readonly attached: AttachedRun
  /** A container of the plan has been started. */
  started(id: string, name: string): void
  /** Follows what runs already. */
  attachRunning(): void
  /** The work that starts the containers. */
  startWith(starts: Promise<void>): void
}

export function createRun(context: ProjectContext, input: RunInput): Run {
  const { project, options, planned, starting } = input
  const since = (context.clock.nowMs() / 1000).toFixed(3)
  const target = { name: project.name, project }
  const targeted = targetedServices(planned)
  const shown = servicesToFollow(planned, options)
  /** Ids of the containers whose end is waited for. */
  const running = new Set<string>()
  const outcome = createOutcome()
  let phase: 'starting' | 'running' | 'stopping' | 'stopped' = 'starting'
  let exitCode: number | undefined
  let stopping: Promise<void> | undefined
  let startPhase: Promise<void> = Promise.resolve()

  const follower = createFollower(context, project.name, {
    request: { timestamps: options.timestamps === true },
    onExit,
    onRestart: ({ containerId }) => void running.add(containerId),
  })

  function follow(source: LogSource): void {
    if (targeted.has(source.service)) running.add(source.containerId)
    if (shown.has(source.service)) follower.add(source, since)
    else follower.watch(source)
  }

  function onExit(exit: Exit): void {
    const { source, restarting } = exit
    if (restarting || !targeted.has(source.service)) return
    running.delete(source.containerId)
    const code = abortCode(options, exit)
    if (options.exitCodeFrom === undefined) exitCode ??= code
    else if (source.service === options.exitCodeFrom) exitCode ??= exit.exitCode
    if (code !== undefined && phase !== 'stopping' && phase !== 'stopped') {
      context.sink.notice({ level: 'info', text: `Aborting on container exit: ${source.containerName}` })
      void attached.stop().catch(finish)
    }
    endIfOver()
  }

  function endIfOver(): void {
    if ((phase === 'running' || phase === 'stopped') && running.size === 0) finish()
  }

  function allStarted(): void {
    if (phase === 'starting') phase = 'running'
    endIfOver()
  }

  function failedToStart(error: unknown): void {
    // when the user stopped it, stopAll goes on
    if (phase === 'starting') finish(error)
  }

  function finish(error?: unknown): void {
    follower.end()
    if (error === undefined) outcome.resolve(exitCode ?? 0)
    else outcome.reject(error)
  }

  async function stopAll(): Promise<void> {
    phase = 'stopping'
    starting.abort()
    // a start that is under way must not outlive the stop
    await startPhase
    const { timeoutSeconds } = options
    const timeout = timeoutSeconds === undefined ? {} : { timeoutSeconds }
    await stop(context, target, { services: [...targeted], ...timeout })
    phase = 'stopped'
    endIfOver()
    // exits are told by events: none is missed, but none is waited for without end
    const signal = AbortSignal.any([context.signal, outcome.settled])
    for (let seen = -1; seen !== follower.eventCount() && !signal.aborted;) {
      seen = follower.eventCount()
      await context.clock.sleep(EXIT_GRACE_MS, signal).catch(() => {})
    }
    finish()
  }

  const attached: AttachedRun = {
    attachedTo: planned.desired
      .filter(({ wanted }) => shown.has(wanted.service.name))
      .map((container) => sourceOf(project, container, '').shortName)
      .toSorted(),
    events: follower.events,
    ended: outcome.ended,
    stop: () => (stopping ??= stopAll()),
    kill: () => kill(context, target, { services: [...targeted] }),
    detach: () => finish(),
  }

  return {
    attached,
    started(id, name) {
      const container = planned.desired.find((one) => one.name === name)
      if (container !== undefined) follow(sourceOf(project, container, id))
    },
    attachRunning() {
      for (const container of planned.desired) {
        const { name, existing } = container
        if (existing !== undefined && planned.plan.unchanged.includes(name))
          follow(sourceOf(project, container, existing.id))
      }
    },
    startWith(starts) {
      startPhase = starts.then(allStarted, failedToStart)
    },
  }
}

interface Outcome {
  readonly ended: Promise<number>
  /** Fires with the end. */
  readonly settled: AbortSignal
  resolve(exitCode: number): void
  reject(error: unknown): void
}

function createOutcome(): Outcome {
  const { promise: ended, resolve, reject } = Promise.withResolvers<number>()
  // whoever reads the events first hears of a failure when he awaits the end
  ended.catch(() => {})
  const settled = new AbortController()
  return {
    ended,
    settled: settled.signal,
    resolve(exitCode) {
      resolve(exitCode)
      settled.abort()
    },
    reject(error) {
      reject(error)
      settled.abort()
    },
  }
}

function targetedServices({ desired }: UpPlan): ReadonlySet<string> {
  return new Set(desired.filter(({ wanted }) => wanted.targeted).map(({ wanted }) => wanted.service.name))
}

function sourceOf({ name: projectName }: Project, { name, number, wanted }: DesiredContainer, id: string): LogSource {
  return toLogSource(projectName, { id, name, number, service: wanted.service.name })
}
