/**
 * Waiting for containers to be healthy, to run, or to end: the engine's events say when to look, an inspect says what
 * is. Polling is the safety net only (slow while events come, each 500 ms when they do not).
 */
import type { ContainerInspect } from '../api/types/index.ts'
import { CanceledError, MycomposeError } from '../errors.ts'
import type { ProjectContext } from './context.ts'
import { diagnose } from './diagnose.ts'
import { createEventFeed } from './events.ts'
import type { WaitCondition } from './plan.ts'

const POLL_MS = 500
const SAFETY_POLL_MS = 2000
/** Without a health check "ready" is to have run for so long: what ends at once must not pass for ready. */
const SETTLE_MS = 300
/** That often it restarts before the user is told why, and before it is given up. */
const TELLING_RESTARTS = 3
const HOPELESS_RESTARTS = 8
/** As with dockerd: who has run for so long begins anew. */
const STAYED_UP_MS = 10_000

export interface ReadinessWish {
  readonly id: string
  readonly name: string
  readonly service: string
  readonly condition: WaitCondition
  readonly timeoutMs: number | undefined
}

export interface Readiness {
  /** Resolves with the word for it: "Healthy", "Started", "Exited". Throws with the reason in the hint. */
  wait(wish: ReadinessWish, signal: AbortSignal): Promise<string>
  close(): void
}

export function createReadiness(context: ProjectContext, projectName: string): Readiness {
  const feed = createEventFeed(context, projectName)
  const loops = createLoopWatch(context)
  return {
    async wait(wish, signal) {
      const begunMs = context.clock.nowMs()
      let wake = (): void => {}
      const stopListening = feed.listen((event) => {
        if (event.Actor.ID === wish.id && isTelling(event.Action)) wake()
      })
      try {
        for (;;) {
          // armed before looking: an event that comes meanwhile must not be missed
          const woken = new Promise<void>((resolve) => {
            wake = resolve
          })
          const now = await context.client.containers.inspect(wish.id)
          const next = await decide(context, wish, { now, begunMs })
          if (next.kind === 'done') return next.text
          await loops.look(wish, now)
          const pollMs = next.settleMs ?? (feed.isLive() ? SAFETY_POLL_MS : POLL_MS)
          await sleepUnless(woken, { context, signal, ms: Math.min(next.leftMs, pollMs) })
        }
      } finally {
        stopListening()
      }
    },
    close: () => feed.close(),
  }
}

/**
 * A restart policy may mend it, so the first restarts are no failure; but nobody should have to guess what goes on, nor
 * wait for ever. A one-shot may be tried as often as its policy says: of that one it is only told.
 */
function createLoopWatch(context: ProjectContext): {
  /** Throws when it is hopeless. */
  look(wish: ReadinessWish, now: ContainerInspect): Promise<void>
} {
  const told = new Set<string>()
  /** Container id -> its restarts when it last stayed up. */
  const stayedUp = new Map<string, number>()
  return {
    async look(wish, now) {
      if (ranMs(now, context.clock.nowMs()) >= STAYED_UP_MS) stayedUp.set(wish.id, now.RestartCount)
      const inARow = now.RestartCount - (stayedUp.get(wish.id) ?? 0)
      if (isHopeless(wish, now, inARow)) throw await restartsForEver(context, wish, now)
      if (inARow < TELLING_RESTARTS || told.has(wish.id)) return
      told.add(wish.id)
      const reasons = await diagnose(context, wish, now)
      const text = `container ${wish.name} has restarted ${inARow} times, still waiting for it\n${reasons}`
      context.sink.notice({ level: 'warning', text })
    },
  }
}

function isHopeless({ condition }: ReadinessWish, { State }: ContainerInspect, restartsInARow: number): boolean {
  const mayFail = condition === 'ready' || condition === 'service_healthy'
  return mayFail && State.Restarting && restartsInARow >= HOPELESS_RESTARTS
}

/** How long the present run lasts, or the last one lasted. */
function ranMs({ State }: ContainerInspect, nowMs: number): number {
  const isUp = State.Running && !State.Restarting
  const ms = (isUp ? nowMs : Date.parse(State.FinishedAt)) - Date.parse(State.StartedAt)
  return Number.isNaN(ms) ? 0 : ms
}

type Next =
  | { readonly kind: 'done'; readonly text: string }
  | { readonly kind: 'wait'; readonly leftMs: number; readonly settleMs?: number }

/** Throws when it has failed or the time is over. */
async function decide(
  context: ProjectContext,
  wish: ReadinessWish,
  { now, begunMs }: { readonly now: ContainerInspect; readonly begunMs: number },
): Promise<Next> {
  const verdict = judge(now, wish.condition)
  if (verdict.kind === 'done') return verdict
  if (verdict.kind === 'failed') throw await failure(context, wish, now)
  const nowMs = context.clock.nowMs()
  const leftMs = begunMs + (wish.timeoutMs ?? Infinity) - nowMs
  if (verdict.kind === 'runs') {
    const settleMs = unsettledMs(now, begunMs, nowMs)
    return settleMs <= 0 || leftMs <= 0 ? { kind: 'done', text: verdict.text } : { kind: 'wait', leftMs, settleMs }
  }
  if (leftMs <= 0) throw await timeout(context, wish, now)
  return { kind: 'wait', leftMs }
}

/** Each probe of a health check is an exec with events of its own: they tell nothing. */
function isTelling(action: string): boolean {
  return !action.startsWith('exec_')
}

type Verdict =
  | { readonly kind: 'done'; readonly text: string }
  /** Done, once it has run for a moment. */
  | { readonly kind: 'runs'; readonly text: string }
  | { readonly kind: 'pending' | 'failed' }

/** What an inspect means for a condition. */
export function judge({ State }: Pick<ContainerInspect, 'State'>, condition: WaitCondition): Verdict {
  const hasEnded = State.Status === 'exited' || State.Status === 'dead'
  if (condition === 'service_completed_successfully') {
    if (!hasEnded) return { kind: 'pending' }
    return State.ExitCode === 0 ? { kind: 'done', text: 'Exited' } : { kind: 'failed' }
  }
  if (hasEnded) {
    return condition === 'ready' && State.ExitCode === 0 ? { kind: 'done', text: 'Exited' } : { kind: 'failed' }
  }
  if (State.Status !== 'running') return { kind: 'pending' }
  const health = State.Health?.Status ?? 'none'
  if (condition === 'service_started') return { kind: 'done', text: 'Started' }
  if (health === 'healthy') return { kind: 'done', text: 'Healthy' }
  // docker compose says "Healthy" of what has no health check, too
  if (health === 'none') return condition === 'ready' ? { kind: 'runs', text: 'Healthy' } : { kind: 'failed' }
  return { kind: health === 'unhealthy' ? 'failed' : 'pending' }
}

/** By the engine's clock or by ours, whichever says more: they may differ. */
function unsettledMs({ State }: ContainerInspect, begunMs: number, nowMs: number): number {
  const startedMs = Date.parse(State.StartedAt)
  const ranMs = Math.max(nowMs - begunMs, Number.isNaN(startedMs) ? 0 : nowMs - startedMs)
  return SETTLE_MS - ranMs
}

async function sleepUnless(
  woken: Promise<void>,
  { context, signal, ms }: { readonly context: ProjectContext; readonly signal: AbortSignal; readonly ms: number },
): Promise<void> {
  const abort = new AbortController()
  try {
    await Promise.race([woken, context.clock.sleep(ms, AbortSignal.any([abort.signal, signal]))])
  } finally {
    abort.abort()
  }
  if (signal.aborted) throw new CanceledError()
}

async function failure(context: ProjectContext, wish: ReadinessWish, now: ContainerInspect): Promise<MycomposeError> {
  return new MycomposeError(failureMessage(wish, now), {
    code: 'DEPENDENCY_FAILED',
    hint: await diagnose(context, wish, now),
  })
}

/** The sentences of docker compose; those of --wait come without the word dependency. */
function failureMessage({ name, service, condition }: ReadinessWish, { State }: ContainerInspect): string {
  if (condition === 'service_completed_successfully') {
    return `service "${service}" didn't complete successfully: exit ${State.ExitCode}`
  }
  const prefix = condition === 'ready' ? '' : 'dependency failed to start: '
  if (!State.Running) return `${prefix}container ${name} exited (${State.ExitCode})`
  if (State.Health === undefined || State.Health.Status === 'none') {
    return `${prefix}container ${name} has no healthcheck configured`
  }
  return `${prefix}container ${name} is unhealthy`
}

async function restartsForEver(
  context: ProjectContext,
  wish: ReadinessWish,
  now: ContainerInspect,
): Promise<MycomposeError> {
  const { name, service } = wish
  const times = now.RestartCount
  const what = `container ${name} keeps restarting: it has exited (${now.State.ExitCode}) ${times} times in a row`
  return new MycomposeError(wish.condition === 'ready' ? what : `dependency failed to start: ${what}`, {
    code: 'RESTART_LOOP',
    hint: `${await diagnose(context, wish, now)}\nit goes on restarting: \`mycompose logs ${service}\`, \`mycompose stop ${service}\``,
  })
}

async function timeout(context: ProjectContext, wish: ReadinessWish, now: ContainerInspect): Promise<MycomposeError> {
  const seconds = Math.round((wish.timeoutMs ?? 0) / 10) / 100
  return new MycomposeError(`application not healthy after ${seconds}s`, {
    code: 'WAIT_TIMEOUT',
    hint: await diagnose(context, wish, now),
  })
}
