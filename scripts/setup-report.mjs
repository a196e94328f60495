/** What the set-up says as it goes: one short line a step, with its time. Plain JavaScript for Node >= 20. */

/** A cause outside the program: printed without a stack, with what to do next. */
export class SetupError extends Error {
  /**
   * @param {string} message
   * @param {string} hint
   */
  constructor(message, hint) {
    super(message)
    this.hint = hint
  }
}

/** Seconds since `startedMs`, as "3.1 s". */
export function elapsed(startedMs) {
  return `${((performance.now() - startedMs) / 1000).toFixed(1)} s`
}

/**
 * @typedef {{ line(text: string): void, step(text: string): () => void }} Report
 * @param {string} area printed in front of each line
 * @returns {Report}
 */
export function createReport(area) {
  const line = (text) => process.stdout.write(`${area.padEnd(6)} ${text}\n`)
  return {
    line,
    step(text) {
      const startedMs = performance.now()
      line(`${text} ...`)
      return () => line(`  done in ${elapsed(startedMs)}`)
    },
  }
}

/** Runs `work`, prints a SetupError in two lines, and exits with the code that `work` returns. */
export async function runScript(work) {
  try {
    process.exitCode = (await work()) ?? 0
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    process.stderr.write(`\nerror: ${error.message}\nhint: ${error.hint}\n`)
    process.exitCode = 1
  }
}
