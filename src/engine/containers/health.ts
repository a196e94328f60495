/** Probes one running container until it is told to stop. When to probe and what counts: health-schedule.ts. */
import type { HealthConfig, HealthLogEntry } from '../../api/types/index.ts'
import { cleanToolText } from '../runtime/runtime-error.ts'
import { publish, type ContainersContext } from './context.ts'
import { startExecProcess } from './exec-process.ts'
import {
  beginHealth,
  healthTimes,
  nextProbeInMs,
  recordProbe,
  resumeHealth,
  type HealthTimes,
} from './health-schedule.ts'
import type { Container } from './store.ts'

export interface HealthMonitor {
  stop(): void
  /** While paused no probe is made. */
  pause(paused: boolean): void
}

const MAX_OUTPUT_BYTES = 4096
const TIMEOUT_EXIT_CODE = -1

/** The probe's command line, or undefined when there is no probe. PURE */
export function probeCommand(
  health: HealthConfig | undefined,
  shell: readonly string[] | undefined,
): readonly string[] | undefined {
  const [kind, ...rest] = health?.Test ?? []
  switch (kind) {
    case undefined:
    case 'NONE':
      return undefined
    case 'CMD':
      return rest
    case 'CMD-SHELL':
      return [...(shell ?? ['/bin/sh', '-c']), ...rest]
    default:
      return [kind, ...rest]
  }
}

interface Probe {
  readonly command: readonly string[]
  readonly times: HealthTimes
  readonly signal: AbortSignal
}

/** One probe. Its time runs from the start of the runtime. */
async function runProbe(
  context: ContainersContext,
  container: Container,
  { command, times, signal }: Probe,
): Promise<HealthLogEntry> {
  const { clock } = context.host
  const start = clock.nowRfc3339()
  const chunks: Buffer[] = []
  let size = 0
  const collect = (chunk: Buffer): void => {
    if (size < MAX_OUTPUT_BYTES) chunks.push(chunk)
    size += chunk.length
  }
  const wish = {
    execId: context.host.randomHex(8),
    args: command,
    env: [],
    user: '',
    workingDir: '',
    privileged: false,
    tty: false,
  }
  const process = await startExecProcess(context, container, wish, { stdio: ['ignore', 'pipe', 'pipe'] })
  process.child.stdout?.on('data', collect)
  process.child.stderr?.on('data', collect)
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    process.kill()
    // children of the probe may hold the pipes: do not wait for them
    process.child.stdout?.destroy()
    process.child.stderr?.destroy()
  }, times.timeoutMs)
  const abort = (): void => process.kill()
  signal.addEventListener('abort', abort, { once: true })
  try {
    const { exitCode, error } = await process.finished
    const text = Buffer.concat(chunks).subarray(0, MAX_OUTPUT_BYTES).toString('utf8')
    return {
      Start: start,
      End: clock.nowRfc3339(),
      ExitCode: timedOut ? TIMEOUT_EXIT_CODE : exitCode,
      Output: timedOut ? `Health check exceeded timeout (${times.timeoutMs / 1000}s): ${text}` : (error ?? text),
    }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
  }
}

/** A probe that could not even be started is a failed one. */
async function probeOrFailure(context: ContainersContext, container: Container, probe: Probe): Promise<HealthLogEntry> {
  const start = context.host.clock.nowRfc3339()
  try {
    return await runProbe(context, container, probe)
  } catch (error) {
    return {
      Start: start,
      End: context.host.clock.nowRfc3339(),
      ExitCode: TIMEOUT_EXIT_CODE,
      Output: cleanToolText(String(error)),
    }
  }
}

/** Undefined when the container has no health check. `resume`: the engine was away, the container was not. */
export function startHealthMonitor(
  context: ContainersContext,
  container: Container,
  options: { readonly resume?: boolean } = {},
): HealthMonitor | undefined {
  const { config, health: known } = container.document
  const command = probeCommand(config.Healthcheck, config.Shell)
  if (config.Healthcheck === undefined || command === undefined) {
    if (known !== undefined) context.store.update(container, { health: undefined })
    return undefined
  }
  const times = healthTimes(config.Healthcheck)
  const stopped = new AbortController()
  const signal = AbortSignal.any([stopped.signal, context.closing.signal])
  const { clock } = context.host
  const startedAtMs = container.run?.startedAtMs ?? clock.nowMs()
  let progress =
    options.resume === true && known !== undefined
      ? resumeHealth(times, known, startedAtMs, clock.nowMs())
      : beginHealth(times, clock.nowMs())
  context.store.update(container, { health: progress.health })
  let paused = Promise.withResolvers<void>()
  paused.resolve()

  async function watch(): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(nextProbeInMs(progress, clock.nowMs()), signal)
      await paused.promise
      if (signal.aborted) return
      const startMs = clock.nowMs()
      const entry = await probeOrFailure(context, container, { command: command ?? [], times, signal })
      // oxlint-disable-next-line typescript/no-unnecessary-condition -- it may have been stopped while probing
      if (signal.aborted || container.run === undefined) return
      const before = progress.health.Status
      progress = recordProbe(times, progress, { startMs, endMs: clock.nowMs(), entry })
      context.store.update(container, { health: progress.health })
      if (progress.health.Status !== before) publish(context, container, `health_status: ${progress.health.Status}`)
    }
  }

  watch().catch((error: unknown) => {
    if (!signal.aborted)
      context.log('error', 'health monitor failed', { container: container.id, error: String(error) })
  })
  return {
    stop: () => stopped.abort(),
    pause(isPaused) {
      if (isPaused) paused = Promise.withResolvers()
      else paused.resolve()
    },
  }
}
