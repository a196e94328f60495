/**
 * The light host of the command line: files, clock, child processes. No koffi and, until a program is really started,
 * no node:child_process, so that `mycompose version` stays as fast as Node itself.
 */
import { homedir } from 'node:os'
import { MycomposeError, errnoOf } from '../errors.ts'
import { createClock } from './clock.ts'
import { createFiles } from './files.ts'
import type { Clock, Exec, Files } from './host.ts'
import { decodeUtf8 } from './utf8.ts'

/** A Compose file larger than this is a mistake (or an attack), not a Compose file. */
const MAX_SOURCE_BYTES = 16 * 2 ** 20

/** What src/compose reads through; the same shape as its SourceReader. */
export interface SourceFiles {
  /** Undefined when there is no such file. Throws MycomposeError UNREADABLE_FILE, FILE_TOO_LARGE, InvalidTextError. */
  readText(path: string): Promise<string | undefined>
  exists(path: string): Promise<boolean>
  kind(path: string): Promise<'file' | 'directory' | undefined>
}

export interface CliHost {
  readonly files: Files
  readonly clock: Clock
  readonly sources: SourceFiles
  /** Loaded when it is first needed. */
  exec(): Promise<Exec>
  /** Effective user: 0 is root. */
  readonly userId: number
  readonly homeDir: string
  /** `bytes` random bytes as hex. */
  randomHex(bytes: number): string
  /** The running Node, for starting the engine with the same. */
  readonly nodePath: string
}

const isAbsent = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')

function createSources(files: Files): SourceFiles {
  const kind: SourceFiles['kind'] = async (path) => {
    try {
      const found = await files.stat(path)
      return found.isDirectory() ? 'directory' : 'file'
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw unreadable(path, error)
    }
  }
  return {
    kind,
    exists: async (path) => (await kind(path)) !== undefined,
    async readText(path) {
      try {
        await using file = await files.open(path)
        const { size } = await file.stat()
        if (size > MAX_SOURCE_BYTES)
          throw new MycomposeError(`${path} is larger than 16 MiB`, {
            code: 'FILE_TOO_LARGE',
          })
        return decodeUtf8(await file.readFile(), path)
      } catch (error) {
        if (isAbsent(error)) return undefined
        throw error instanceof MycomposeError ? error : unreadable(path, error)
      }
    },
  }
}

function unreadable(path: string, cause: unknown): MycomposeError {
  const why = errnoOf(cause) === 'EISDIR' ? 'it is a directory' : (errnoOf(cause) ?? String(cause))
  return new MycomposeError(`cannot read ${path}: ${why}`, { code: 'UNREADABLE_FILE', cause })
}

/** Opens nothing. */
export function createCliHost(): CliHost {
  const files = createFiles()
  return {
    files,
    clock: createClock(),
    // loads node:crypto when it is called
    randomHex: (bytes) => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex'),
    sources: createSources(files),
    exec: async () => (await import('./exec.ts')).createExec(),
    userId: process.geteuid?.() ?? 0,
    homeDir: homedir(),
    nodePath: process.execPath,
  }
}
