/**
 * Looks after the logs of running containers: rotates those that have a size limit. While a log stands still the
 * kernel watches it (inotify); once it grows it is looked at as often as its speed asks for. Containers without a limit
 * cost nothing. After a crash the next engine looks at once and goes on where the last one was (rotate.ts).
 */
import { errnoOf } from '../../../errors.ts'
import type { EngineBase } from '../../context.ts'
import { containerFolder } from '../folders.ts'
import type { Container } from '../store.ts'
import { parseLogConfig, type LogPolicy } from './log-config.ts'
import { compressLog, pruneLog, rotateLog } from './rotate.ts'
import { statIfExists } from './store.ts'

export interface LogKeeper {
  /** It runs. Idempotent, and returns at once. */
  watch(container: Container): void
  /** It has ended: nothing more is written. */
  unwatch(id: string): void
  close(): void
}

interface Watched {
  readonly container: Container
  readonly policy: LogPolicy
  readonly stop: () => void
}

const MIN_LOOK_MS = 10
const MAX_LOOK_MS = 250
/** This long without a change, and the kernel watches again. */
const QUIET_MS = 1000

/** Until the next look, so that a file is about `maxBytes` long at its end. PURE */
export function nextLookMs(bytesLeft: number, bytesPerMs: number): number {
  if (bytesPerMs <= 0) return MAX_LOOK_MS
  return Math.min(MAX_LOOK_MS, Math.max(MIN_LOOK_MS, Math.floor(bytesLeft / bytesPerMs / 2)))
}

async function rotate(base: EngineBase, { container, policy }: Watched): Promise<void> {
  const folder = containerFolder(base.config, container.id)
  const { files } = base.host
  if (!(await rotateLog(base.host, folder))) {
    base.log('warn', 'conmon does not start a new log file: the log grows past its limit', { container: container.id })
    return
  }
  await pruneLog(files, folder.log, policy.retention)
  if (policy.retention.compress) await compressLog(files, folder.log)
}

function watchLog(base: EngineBase, watched: Omit<Watched, 'stop'>, maxBytes: number): () => void {
  const { host, config, log } = base
  const { id } = watched.container
  const path = containerFolder(config, id).log
  let isStopped = false
  let arm: (() => void) | undefined
  let timer: NodeJS.Timeout | undefined
  let lastBytes = 0
  let lastMs = host.clock.nowMs()
  let quietMs = 0

  function look(delayMs: number): void {
    if (isStopped) return
    timer = setTimeout(() => {
      step().catch((error: unknown) => {
        if (isStopped) return
        log('error', 'cannot rotate a log', { container: id, error: errnoOf(error) ?? String(error) })
        look(QUIET_MS)
      })
    }, delayMs)
    timer.unref()
  }

  async function step(): Promise<void> {
    const size = (await statIfExists(host.files, path))?.sizeBytes
    if (isStopped) return
    const nowMs = host.clock.nowMs()
    if (size !== undefined && size >= maxBytes) {
      await rotate(base, { ...watched, stop: () => {} })
      lastBytes = 0
      lastMs = host.clock.nowMs()
      quietMs = 0
      look(MIN_LOOK_MS)
      return
    }
    const grownBytes = Math.max(0, (size ?? 0) - lastBytes)
    quietMs = grownBytes > 0 ? 0 : quietMs + nowMs - lastMs
    const bytesPerMs = grownBytes / Math.max(1, nowMs - lastMs)
    lastBytes = size ?? 0
    lastMs = nowMs
    if (quietMs >= QUIET_MS && size !== undefined) sleep()
    else look(nextLookMs(maxBytes - lastBytes, bytesPerMs))
  }

  /** Until something is written. */
  function sleep(): void {
    try {
      const watcher = host.files.watch(path, () => wake())
      watcher.on('error', () => wake())
      arm = () => watcher.close()
    } catch {
      look(QUIET_MS) // no more watches to be had, or the file is being replaced
    }
  }
  function wake(): void {
    if (arm === undefined) return
    arm()
    arm = undefined
    quietMs = 0
    lastMs = host.clock.nowMs()
    look(MIN_LOOK_MS)
  }

  look(0)
  return () => {
    isStopped = true
    arm?.()
    clearTimeout(timer)
  }
}

export function createLogKeeper(base: EngineBase): LogKeeper {
  const watched = new Map<string, Watched>()
  return {
    watch(container) {
      if (watched.has(container.id)) return
      const policy = policyOf(base, container)
      const maxBytes = policy?.retention.maxBytes
      if (policy === undefined || policy.target.kind === 'none' || maxBytes === undefined) return
      const stop = watchLog(base, { container, policy }, maxBytes)
      watched.set(container.id, { container, policy, stop })
    },
    unwatch(id) {
      watched.get(id)?.stop()
      watched.delete(id)
    },
    close() {
      for (const each of watched.values()) each.stop()
      watched.clear()
    },
  }
}

/** A container of an older version may carry what is refused today. */
function policyOf({ log }: EngineBase, { id, document }: Container): LogPolicy | undefined {
  try {
    return parseLogConfig(document.hostConfig.LogConfig)
  } catch (error) {
    log('warn', 'cannot read the log configuration of a container', { container: id, error: String(error) })
    return undefined
  }
}
