/**
 * The engine's log on disk: appended line by line, synchronously (the last words of a crash must be in it), capped: at
 * `maxBytes` it is renamed to "<path>.1", which replaces the one before.
 */
import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs'

export interface LogFile {
  write(line: string): void
  /** The descriptor; it changes when the file is turned over: `onTurn` tells. */
  readonly fd: number
  close(): void
}

export function openLogFile(path: string, maxBytes: number, onTurn: (fd: number) => void = () => {}): LogFile {
  let fd = openSync(path, 'a', 0o600)
  let size = fstatSync(fd).size
  function turn(): void {
    renameSync(path, `${path}.1`)
    closeSync(fd)
    fd = openSync(path, 'a', 0o600)
    size = 0
    onTurn(fd)
  }
  return {
    write(line) {
      const bytes = Buffer.from(`${line}\n`)
      try {
        if (size + bytes.length > maxBytes) turn()
        size += writeSync(fd, bytes)
      } catch {
        // a full disk must not end the engine
      }
    },
    get fd() {
      return fd
    },
    close: () => closeSync(fd),
  }
}
