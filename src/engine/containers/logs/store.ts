/**
 * A container's log on disk: files of one sequence, oldest first. conmon writes `ctr.log`; `ctr.log.3` is the third file
 * of the sequence, by a name of its own (a hard link while it is the one that is written), `ctr.log.2.gz` the second,
 * compressed. A number, once given, stays: number and offset are a position for good.
 */
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { basename, dirname, join } from 'node:path'
import { errnoOf } from '../../../errors.ts'
import type { FileHandle, Files } from '../../../host/host.ts'

export interface FileFacts {
  readonly inode: number
  readonly sizeBytes: number
  readonly modifiedMs: number
}

export interface LogFile extends FileFacts {
  readonly number: number
  /** Its name in the sequence; `ctr.log` while it has none. */
  readonly path: string
  readonly isCompressed: boolean
  /** conmon writes to it. */
  readonly isCurrent: boolean
}

export interface OpenLogFile {
  readonly number: number
  readonly inode: number
  readonly isCompressed: boolean
  readonly modifiedMs: number
  readonly file: FileHandle
}

const ATTEMPTS = 20

/** Where conmon makes the next file before it becomes `logPath` (reopen_k8s_file). */
export const nextPath = (logPath: string): string => `${logPath}.tmp`
export const numberedPath = (logPath: string, number: number): string => `${logPath}.${number}`

/** Undefined when it is not there. */
export async function statIfExists(files: Files, path: string): Promise<FileFacts | undefined> {
  try {
    const { ino, size, mtimeMs } = await files.stat(path)
    return { inode: ino, sizeBytes: size, modifiedMs: mtimeMs }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

async function namesIn(files: Files, folder: string): Promise<string[]> {
  try {
    return await files.readdir(folder)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [] // removed meanwhile
    throw error
  }
}

/** Every numbered file, in order; a compressed one gives way to its original (a compression that was cut short). */
export async function numberedFiles(files: Files, logPath: string): Promise<LogFile[]> {
  const folder = dirname(logPath)
  const prefix = `${basename(logPath)}.`
  const found = new Map<number, LogFile>()
  const current = await statIfExists(files, logPath)
  for (const name of (await namesIn(files, folder)).filter((each) => each.startsWith(prefix)).toSorted()) {
    const match = /^(\d{1,12})(\.gz)?$/.exec(name.slice(prefix.length))
    if (match === null) continue
    const number = Number(match[1])
    const isCompressed = match[2] !== undefined
    if (isCompressed && found.has(number)) continue
    const path = join(folder, name)
    const stat = await statIfExists(files, path)
    if (stat === undefined) continue
    found.set(number, { ...stat, number, path, isCompressed, isCurrent: stat.inode === current?.inode })
  }
  return [...found.values()].toSorted((a, b) => a.number - b.number)
}

/** What there is to read, oldest first; the last is the one that is written. Empty before the first start. */
export async function listLog(files: Files, logPath: string): Promise<LogFile[]> {
  const numbered = await numberedFiles(files, logPath)
  const current = numbered.find(({ isCurrent }) => isCurrent)
  // those after it are prepared and still empty
  if (current !== undefined) return numbered.filter(({ number }) => number <= current.number)
  const stat = await statIfExists(files, logPath)
  if (stat === undefined) return numbered
  const number = (numbered.at(-1)?.number ?? 0) + 1
  return [...numbered, { ...stat, number, path: logPath, isCompressed: false, isCurrent: true }]
}

async function openIfSame(files: Files, listed: LogFile): Promise<OpenLogFile | undefined> {
  let file: FileHandle
  try {
    file = await files.open(listed.path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
  if ((await file.stat()).ino === listed.inode) return { ...listed, file }
  await file.close()
  return undefined
}

/** Opens the files from `fromNumber` on. What is open can be read to its end, whatever is rotated away meanwhile. */
export async function openLog(files: Files, logPath: string, fromNumber = 0): Promise<OpenLogFile[]> {
  for (let attempt = 1; ; attempt += 1) {
    const listed = (await listLog(files, logPath)).filter(({ number }) => number >= fromNumber)
    const opened = await Promise.all(listed.map((each) => openIfSame(files, each)))
    const all = opened.filter((each) => each !== undefined)
    // one that has gone or changed between the two looks: look again, so that there is no hole in the middle
    if (all.length === listed.length || attempt === ATTEMPTS) return all
    await Promise.all(all.map(({ file }) => file.close()))
  }
}

/** The bytes as they were written: a compressed file is unpacked to a nameless one. Takes over the handle. */
export async function unpacked(files: Files, logPath: string, opened: OpenLogFile): Promise<OpenLogFile> {
  if (!opened.isCompressed) return opened
  const path = `${logPath}.unpacked.${opened.inode}.${process.hrtime.bigint()}`
  await using source = opened.file
  const file = await files.open(path, 'wx+', 0o600)
  try {
    await files.unlink(path)
    await pipeline(source.createReadStream({ autoClose: false }), createGunzip(), async (chunks) => {
      for await (const chunk of chunks) await file.writeFile(chunk as Buffer)
    })
    return { ...opened, file, isCompressed: false }
  } catch (error) {
    await file.close()
    throw error
  }
}
