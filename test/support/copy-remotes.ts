/** Copies from addresses and repositories. */
import { createRemotes } from '../../src/engine/build/context/remotes.ts'
import type { CopyOptions } from '../../src/engine/build/files/copy.ts'
import { createKeyedMutex } from '../../src/engine/locks.ts'
import type { CopyCase } from './copy-case.ts'

/** With remotes that are closed when the test ends. */
export function withRemotes(
  { base, beforeEnd }: CopyCase,
  secrets: Readonly<Record<string, string>> = {},
): CopyOptions {
  const remotes = createRemotes({ ...base, locks: createKeyedMutex() }, { secrets: new Map(Object.entries(secrets)) })
  beforeEnd(async () => {
    await remotes.close()
  })
  return { remotes }
}
