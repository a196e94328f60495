/** state.db as it is on the disk, while an engine has it: that one locks it, so a copy with its journal is read. */
import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

export interface StateCopy extends Disposable {
  readonly database: DatabaseSync
}

const TAILS = ['', '-wal']

/** Changes with every write. */
const stamp = (path: string): string =>
  TAILS.map((tail) => statSync(path + tail, { bigint: true, throwIfNoEntry: false })?.mtimeNs).join(' ')

export function openCopy(path: string): StateCopy {
  const folder = mkdtempSync(join(tmpdir(), 'mycompose-state-copy-'))
  const copy = join(folder, 'state.db')
  for (let before = ''; before !== stamp(path);) {
    before = stamp(path)
    for (const tail of TAILS) {
      rmSync(copy + tail, { force: true })
      if (existsSync(path + tail)) copyFileSync(path + tail, copy + tail)
    }
  }
  const database = new DatabaseSync(copy)
  return {
    database,
    [Symbol.dispose]() {
      database.close()
      rmSync(folder, { recursive: true })
    },
  }
}
