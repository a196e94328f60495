/**
 * One rotation, without losing or doubling a byte, whenever the engine is killed. conmon opens `ctr.log.tmp` (making it
 * when it is absent), renames it over `ctr.log` and writes there from then on, when it reads "2 0 0" from its fifo. So
 *
 *   link ctr.log      -> ctr.log.N       what is renamed over keeps its name
 *   make ctr.log.N+1, link it -> ctr.log.tmp    the next file has a name before conmon knows it
 *   write "2 0 0" to the fifo
 *
 * Each step is found done or not done by looking, so that whoever comes after a crash goes on. A message that is read
 * twice makes a file without number, which the next rotation numbers; that is why none is sent before all is linked.
 * As the next file is there already, conmon makes nothing: on a full disk it would die of that.
 * Source: conmon src/ctr_logging.c (reopen_k8s_file), ctrl.c (process_terminal_ctrl_line); CRI-O rotates likewise.
 */
import { join } from 'node:path'
import { createGzip } from 'node:zlib'
import { pipeline } from 'node:stream/promises'
import { errnoOf } from '../../../errors.ts'
import type { FileHandle, Files, Host } from '../../../host/host.ts'
import type { ContainerFolder } from '../folders.ts'
import type { LogRetention } from './log-config.ts'
import { listLog, nextPath, numberedFiles, numberedPath, statIfExists } from './store.ts'

const REOPEN_LOGS = '2 0 0\n'
/** How long conmon may take; it answers within a millisecond when it gets the processor. */
const REOPEN_TIMEOUT_MS = 1000
const STALE_TIMEOUT_MS = 100
const FIFO_BYTES = 64 * 1024
/** man 2 open */
const O_WRONLY = 1
const O_RDWR = 2
const O_NONBLOCK = 0o4000

async function makeEmpty(files: Files, path: string): Promise<void> {
  const file = await files.open(path, 'wx', 0o600)
  await file.close()
}

/** Names for all that conmon has or will have open. Answers the inode that is written now; undefined: no log. */
async function prepare(files: Files, logPath: string): Promise<number | undefined> {
  const current = (await listLog(files, logPath)).findLast(({ isCurrent }) => isCurrent)
  if (current === undefined) return undefined
  if (current.path === logPath) await files.link(logPath, numberedPath(logPath, current.number))
  const next = await statIfExists(files, nextPath(logPath))
  const numbered = await numberedFiles(files, logPath)
  const spare = numbered.findLast(({ number, isCompressed }) => number > current.number && !isCompressed)
  if (next === undefined) {
    const path = spare?.path ?? numberedPath(logPath, current.number + 1)
    if (spare === undefined) await makeEmpty(files, path)
    await files.link(path, nextPath(logPath))
  } else if (!numbered.some(({ inode }) => inode === next.inode)) {
    await files.link(nextPath(logPath), numberedPath(logPath, (numbered.at(-1)?.number ?? 0) + 1))
  }
  return current.inode
}

/** Undefined: conmon has gone. */
async function openFifo(files: Files, path: string, access: number): Promise<FileHandle | undefined> {
  try {
    return await files.open(path, access | O_NONBLOCK)
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENXIO' || code === 'ENOENT') return undefined
    throw error
  }
}

async function askToReopen(files: Files, fifo: string): Promise<boolean> {
  await using file = await openFifo(files, fifo, O_WRONLY)
  if (file === undefined) return false
  await file.write(REOPEN_LOGS)
  return true
}

/** Takes back what conmon has not read: an earlier message of this kind. Others are put back. */
async function takeBack(files: Files, fifo: string): Promise<void> {
  await using file = await openFifo(files, fifo, O_RDWR)
  if (file === undefined) return
  const buffer = Buffer.alloc(FIFO_BYTES)
  try {
    const { bytesRead } = await file.read(buffer, 0, FIFO_BYTES, null)
    const others = buffer
      .toString('latin1', 0, bytesRead)
      .split('\n')
      .filter((line) => line !== '' && line !== REOPEN_LOGS.trim())
    for (const line of others) await file.write(`${line}\n`)
  } catch (error) {
    if (errnoOf(error) !== 'EAGAIN') throw error
  }
}

/** True when conmon writes to another file than `inode`. */
async function isReopened(host: Host, logPath: string, inode: number, timeoutMs: number): Promise<boolean> {
  const deadlineMs = host.clock.nowMs() + timeoutMs
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 50)) {
    const now = await statIfExists(host.files, logPath)
    if (now !== undefined && now.inode !== inode) return true
    if (host.clock.nowMs() >= deadlineMs) return false
    await host.clock.sleep(pauseMs)
  }
}

/**
 * True when conmon writes to a new file. False when it does not answer (it has ended, or hangs): nothing is lost, and
 * the next call goes on from there.
 */
export async function rotateLog(host: Host, { log, bundle }: ContainerFolder): Promise<boolean> {
  const { files } = host
  const fifo = join(bundle, 'ctl')
  const before = await statIfExists(files, log)
  if (before === undefined) return false
  if ((await statIfExists(files, nextPath(log))) !== undefined) {
    // asked for already, by an engine that was killed or a rotation that gave up
    await takeBack(files, fifo)
    if (await isReopened(host, log, before.inode, STALE_TIMEOUT_MS)) return true
  }
  const inode = await prepare(files, log)
  if (inode === undefined || !(await askToReopen(files, fifo))) return false
  return isReopened(host, log, inode, REOPEN_TIMEOUT_MS)
}

/** Deletes what is more than is to be kept, oldest first. `mayDelete`: false for what is still to be sent somewhere. */
export async function pruneLog(
  files: Files,
  logPath: string,
  { maxFiles }: LogRetention,
  mayDelete: (number: number) => boolean = () => true,
): Promise<void> {
  const newest = (await listLog(files, logPath)).at(-1)?.number ?? 0
  for (const { number, path } of await numberedFiles(files, logPath))
    if (number <= newest - maxFiles && mayDelete(number)) await files.rm(path, { force: true })
}

async function gzip(files: Files, path: string, modifiedMs: number): Promise<void> {
  const packed = `${path}.gz`
  const temporary = `${packed}.tmp`
  try {
    await using source = await files.open(path)
    await using target = await files.open(temporary, 'w', 0o600)
    await pipeline(source.createReadStream({ autoClose: false }), createGzip(), async (chunks) => {
      for await (const chunk of chunks) await target.writeFile(chunk as Buffer)
    })
  } catch (error) {
    await files.rm(temporary, { force: true })
    throw error
  }
  // readers skip files by the time of their last line
  await files.utimes(temporary, modifiedMs / 1000, modifiedMs / 1000)
  await files.rename(temporary, packed)
  await files.rm(path, { force: true })
}

/** Compresses the files that nobody writes to any more. */
export async function compressLog(files: Files, logPath: string): Promise<void> {
  const closed = (await listLog(files, logPath)).filter(({ isCurrent, isCompressed }) => !isCurrent && !isCompressed)
  for (const { path, modifiedMs } of closed) await gzip(files, path, modifiedMs)
}
