/** Files of the real host: Node's promise API plus atomic writes and the few synchronous reads for /proc and /sys. */
import * as fs from 'node:fs'
import * as fsPromises from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errnoOf } from '../errors.ts'
import type { Files } from './host.ts'
import { metadata } from './metadata.ts'

let temporaryCount = 0

async function writeAtomic(
  path: string,
  data: string | Uint8Array,
  options: { mode?: number; durable?: boolean; temporaryFolder?: string } = {},
): Promise<void> {
  temporaryCount += 1
  const folder = options.temporaryFolder ?? dirname(path)
  const temporary = join(folder, `.${basename(path)}.${process.pid}.${temporaryCount}.tmp`)
  try {
    const file = await fsPromises.open(temporary, 'wx', options.mode ?? 0o644)
    try {
      await file.writeFile(data)
      if (options.durable !== false) await file.sync()
    } finally {
      await file.close()
    }
    await fsPromises.rename(temporary, path)
  } catch (error) {
    await fsPromises.rm(temporary, { force: true })
    throw error
  }
}

export function createFiles(): Files {
  return {
    ...fsPromises,
    ...metadata,
    writeAtomic,
    async readTextIfExists(path) {
      try {
        return fs.readFileSync(path, 'utf8')
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return undefined
        throw error
      }
    },
    readTextSync(path) {
      try {
        return fs.readFileSync(path, 'utf8')
      } catch (error) {
        const code = errnoOf(error)
        if (code === 'ENOENT' || code === 'ESRCH' || code === 'ENOTDIR') return undefined
        throw error
      }
    },
    writeTextSync: (path, text) => fs.writeFileSync(path, text),
    writeFifoSync(path, text) {
      // a pipe without a reader would hold us for ever
      const fd = fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK)
      try {
        fs.writeSync(fd, text)
      } finally {
        fs.closeSync(fd)
      }
    },
    existsSync: (path) => fs.existsSync(path),
    readdirSync: (path) => fs.readdirSync(path),
    readlinkSync: (path) => fs.readlinkSync(path),
    watch: (path, onChange) => fs.watch(path, { persistent: false }, onChange),
  }
}
