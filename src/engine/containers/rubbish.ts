/**
 * The folders of removed containers, deleted a moment later: some thirty files each, and nobody waits for them. The row in
 * state.db goes first, so a folder without a row is rubbish; what a crash leaves, recovery.ts removes at the next start.
 */
import type { EngineBase } from '../context.ts'

/** After the last one: whoever removes many, or removes to create anew, has the processor for himself until then. */
const PAUSE_MS = 500
/** And of so many nobody waits for more: they take room on the disk. */
const MANY = 100

export interface Rubbish {
  add(folder: string): void
  /** Deletes at once what is left. */
  empty(): Promise<void>
}

export function createRubbish({ host, log }: Pick<EngineBase, 'host' | 'log'>): Rubbish {
  const folders = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined

  async function drain(): Promise<void> {
    for (const folder of folders) {
      folders.delete(folder)
      try {
        await host.files.rm(folder, { recursive: true, force: true })
      } catch (error) {
        log('warn', 'cannot remove the folder of a removed container', { folder, error: String(error) })
      }
      await new Promise((resolve) => setImmediate(resolve)) // requests have their turn in between
    }
  }

  function empty(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    running ??= drain().finally(() => {
      running = undefined
    })
    return running
  }

  return {
    empty,
    add(folder) {
      folders.add(folder)
      clearTimeout(timer)
      if (folders.size >= MANY) {
        void empty()
        return
      }
      timer = setTimeout(() => void empty(), PAUSE_MS)
      timer.unref()
    },
  }
}
