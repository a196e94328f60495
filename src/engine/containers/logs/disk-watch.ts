/**
 * A full disk: conmon drops what it cannot write, and the container goes on. That is said once, and once more when
 * there is space again; then logs that end in half a line are closed, so that the next line begins in a new file and
 * does not run into it (but for what is written between the first free byte and our next look). Only then: what is asked
 * of conmon on a full disk might end it.
 */
import { errnoOf } from '../../../errors.ts'
import type { EngineBase } from '../../context.ts'
import { containerFolder } from '../folders.ts'
import { rotateLog } from './rotate.ts'
import { endsTorn } from './torn.ts'

const LOOK_MS = 5000
const FULL_BYTES = 256 * 1024
/** Well above, so that a disk that is just about full does not make a line every few seconds. */
const FREE_BYTES = 16 * 1024 * 1024

async function closeTorn({ host, config, log }: EngineBase, id: string): Promise<void> {
  const folder = containerFolder(config, id)
  try {
    if (await endsTorn(host.files, folder.log)) await rotateLog(host, folder)
  } catch (error) {
    log('warn', 'cannot close a log that the full disk cut', { container: id, error: errnoOf(error) ?? String(error) })
  }
}

/** `running`: the ids of containers that write now. */
export function watchDisk(base: EngineBase, running: () => readonly string[]): Disposable {
  const { host, config, log } = base
  const path = config.paths.containers
  let fullSince: string | undefined

  async function look(): Promise<void> {
    if (running().length === 0 && fullSince === undefined) return
    const { bfree, bsize } = await host.files.statfs(path)
    const freeBytes = bfree * bsize
    if (fullSince === undefined && freeBytes < FULL_BYTES) {
      fullSince = host.clock.nowRfc3339()
      log('warn', 'the disk is full: what containers write to their logs is lost until there is space', { path })
    } else if (fullSince !== undefined && freeBytes > FREE_BYTES) {
      const since = fullSince
      fullSince = undefined
      for (const id of running()) await closeTorn(base, id)
      log('warn', 'the disk was full: logs of containers lack what was written meanwhile', { path, since })
    }
  }

  const timer = setInterval(() => void look().catch(() => {}), LOOK_MS)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
