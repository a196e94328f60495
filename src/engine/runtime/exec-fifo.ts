/**
 * exec.fifo, at which a container that crun has created waits for one byte. crun opens it without O_NONBLOCK's patience:
 * once a writer has come and gone without a byte (an engine that was killed between the two), its first process spins on
 * the end of file, and the next writer that opens and has not written yet makes it fail with EAGAIN: the container is lost.
 * So both are done in one go, and after a crash while that process is stopped.
 * Source: crun src/libcrun/status.c, container.c (container_init); man 7 fifo.
 */
import { errnoOf } from '../../errors.ts'
import type { Host } from '../../host/host.ts'
import type { ProcessRecord } from '../../state/containers.ts'

/** From the end of `create` until its first process opens the file. */
const START_PATIENCE_MS = 1000
const STOP_PATIENCE_MS = 1000
const PAUSE_MS = 2
const SIGCONT = 18
const SIGSTOP = 19

/** False when nobody came to read it, or there is no such file. */
export async function letRun({ clock, files }: Host, fifo: string): Promise<boolean> {
  for (const end = clock.nowMs() + START_PATIENCE_MS; ;) {
    try {
      files.writeFifoSync(fifo, '1')
      break
    } catch (error) {
      const code = errnoOf(error)
      if (code !== 'ENXIO' && code !== 'ENOENT' && code !== 'EPIPE') throw error
      if (code !== 'ENXIO' || clock.nowMs() >= end) return false
      await clock.sleep(PAUSE_MS)
    }
  }
  await files.rm(fifo, { force: true })
  return true
}

/** It has not taken its byte yet. sync */
function isReading({ files }: Host, { pid }: ProcessRecord, fifo: string): boolean {
  try {
    const folder = `/proc/${pid}/fd`
    return files.readdirSync(folder).some((fd) => files.readlinkSync(`${folder}/${fd}`) === fifo)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false // it has begun this moment, or ended
    throw error
  }
}

async function untilStopped({ clock, files }: Host, { pid }: ProcessRecord): Promise<void> {
  const isStopped = (): boolean => /\) [Tt] /.test(files.readTextSync(`/proc/${pid}/stat`) ?? ') T ')
  for (const end = clock.nowMs() + STOP_PATIENCE_MS; !isStopped() && clock.nowMs() < end;) await clock.sleep(PAUSE_MS)
}

/**
 * After a crash, at any point of `letRun` or of this: the byte may have been taken, and only the file that tells of the
 * waiting is left.
 */
export async function resumeWaiting(host: Host, fifo: string, waiting: ProcessRecord): Promise<void> {
  const { files, processes } = host
  if (isReading(host, waiting, fifo) && processes.signal(waiting.pid, SIGSTOP, waiting.startTime)) {
    try {
      await untilStopped(host, waiting)
      files.writeFifoSync(fifo, '1')
    } finally {
      processes.signal(waiting.pid, SIGCONT, waiting.startTime)
    }
  }
  await files.rm(fifo, { force: true })
}
