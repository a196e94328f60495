/**
 * Looks after the logs of running containers: sends those to journald or syslog that are to go there (ship.ts), rotates
 * those that have a size limit. While a log stands still the
 * kernel watches it (inotify); once it grows it is looked at as often as its speed asks for. Containers without a limit
 * cost nothing. After a crash the next engine looks at once and goes on where the last one was (rotate.ts).
 */
import { errnoOf } from '../../../errors.ts'
import type { EngineBase } from '../../context.ts'
import { containerFolder } from '../folders.ts'
import type { Container } from '../store.ts'
import { watchDisk } from './disk-watch.ts'
import { parseLogConfig, type LogPolicy, type LogTarget } from './log-config.ts'
import { cutOverlong } from './overlong.ts'
import { compressLog, pruneLog, rotateLog } from './rotate.ts'
import { startShipment, type Shipment } from './ship.ts'
import { statIfExists } from './store.ts'
import { openTransport } from './transport.ts'

export interface LogKeeper {
  /** It runs. Idempotent, and returns at once. */
  watch(container: Container): void
  /** It has ended: nothing more is written. What is not sent yet still is. */
  unwatch(id: string): void
  /** Of one that ended while no engine looked: sends what is left. */
  catchUp(container: Container): void
  /** Before its removal: waits for what is still to be sent, but not for a receiver that is away. */
  settle(id: string): Promise<void>
  /** Before a start: throws LOG_TARGET_UNREACHABLE when its log has nowhere to go. */
  checkTarget(container: Container): Promise<void>
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

/** A receiver that is away must not fill the disk: this many times what is to be kept, and the oldest goes unsent. */
const UNSENT_FACTOR = 2
const SETTLE_MS = 2000

type Rotated = Pick<Watched, 'container' | 'policy'> & { readonly sentFile: () => number | undefined }

async function rotate(base: EngineBase, { container, policy, sentFile }: Rotated): Promise<void> {
  const folder = containerFolder(base.config, container.id)
  const { files } = base.host
  if (!(await rotateLog(base.host, folder))) {
    base.log('warn', 'conmon does not start a new log file: the log grows past its limit', { container: container.id })
    return
  }
  const sent = sentFile()
  const { maxFiles } = policy.retention
  const keepUnsent = { ...policy.retention, maxFiles: maxFiles * UNSENT_FACTOR }
  if (sent === undefined) {
    await pruneLog(files, folder.log, policy.retention)
    await cutOverlong(files, folder.log, policy.retention)
  } else {
    await pruneLog(files, folder.log, policy.retention, (number) => number < sent)
    await pruneLog(files, folder.log, keepUnsent)
  }
  if (policy.retention.compress) await compressLog(files, folder.log)
}

function watchLog(base: EngineBase, watched: Rotated, maxBytes: number): () => void {
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
      await rotate(base, watched)
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
  const shipments = new Map<string, Shipment>()
  const running = new Set<string>()
  const disk = watchDisk(base, () => [...running])

  function ship(container: Container, target: LogTarget): Shipment | undefined {
    if (target.kind === 'none' || target.kind === 'store') return undefined
    const known = shipments.get(container.id)
    if (known?.isDone === false) return known
    const shipment = startShipment(base, container, { target, folder: containerFolder(base.config, container.id) })
    shipments.set(container.id, shipment)
    void shipment.finished.then(() => {
      if (shipments.get(container.id) === shipment) shipments.delete(container.id)
    })
    return shipment
  }

  return {
    watch(container) {
      running.add(container.id)
      if (watched.has(container.id)) return
      const policy = policyOf(base, container)
      if (policy === undefined) return
      ship(container, policy.target)?.setEnded(false)
      const { maxBytes } = policy.retention
      if (policy.target.kind === 'none' || maxBytes === undefined) return
      const sentFile = (): number | undefined => shipments.get(container.id)?.sentFile
      const stop = watchLog(base, { container, policy, sentFile }, maxBytes)
      watched.set(container.id, { container, policy, stop })
    },
    unwatch(id) {
      running.delete(id)
      watched.get(id)?.stop()
      watched.delete(id)
      shipments.get(id)?.setEnded(true)
    },
    catchUp(container) {
      ship(container, policyOf(base, container)?.target ?? { kind: 'none' })?.setEnded(true)
    },
    async settle(id) {
      const shipment = shipments.get(id)
      if (shipment === undefined) return
      const patience = new AbortController()
      await Promise.race([shipment.finished, base.host.clock.sleep(SETTLE_MS, patience.signal).catch(() => {})])
      patience.abort()
      shipment.stop()
    },
    async checkTarget({ document }) {
      const { target } = parseLogConfig(document.hostConfig.LogConfig)
      if (target.kind === 'none' || target.kind === 'store') return
      const transport = await openTransport(base.host, target)
      transport.close()
    },
    close() {
      disk[Symbol.dispose]()
      for (const each of watched.values()) each.stop()
      for (const each of shipments.values()) each.stop()
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
