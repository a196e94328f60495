/**
 * The rounds of a short campaign: all of them where they take a second each, fewer on a machine that is emulated, where one
 * takes a minute. Never fewer than `least`; what was left out is told.
 */
import type { TestContext } from 'node:test'

const BUDGET_MS = 240_000

/** Numbers from 1 to `count`. */
export function* roundsInTime(t: TestContext, count: number, least: number): Generator<number> {
  const endMs = performance.now() + BUDGET_MS
  for (let number = 1; number <= count; number += 1) {
    if (number > least && performance.now() > endMs) {
      t.diagnostic(`${number - 1} of ${count} rounds: the machine is too slow for all of them`)
      return
    }
    yield number
  }
}
