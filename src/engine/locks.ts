/** One mutex a key, in order of arrival. Keys and their order: see KeyedMutex. */
import type { KeyedMutex } from './context.ts'

export function createKeyedMutex(): KeyedMutex {
  /** The last in line of each key that is in use. */
  const tails = new Map<string, Promise<void>>()
  return {
    async run(key, work) {
      const before = tails.get(key)
      const { promise: done, resolve: finish } = Promise.withResolvers<void>()
      tails.set(key, done)
      try {
        await before
        return await work()
      } finally {
        if (tails.get(key) === done) tails.delete(key)
        finish()
      }
    },
  }
}
