/** A question that is answered with yes or no on standard input. */
import { createInterface } from 'node:readline/promises'
import { UsageError } from '../errors.ts'
import type { CliIo } from './io.ts'

/** No is the default, also at the end of input. @throws UsageError when nobody is there to answer. */
export async function confirm({ stdin, stderr }: CliIo, question: string): Promise<boolean> {
  if (stdin.isTTY !== true && stdin.readableEnded)
    throw new UsageError('cannot ask: there is no standard input', { hint: 'use --force' })
  const lines = createInterface({ input: stdin, output: stderr, terminal: false })
  try {
    const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')))
    const answer = await Promise.race([lines.question(`${question} [yN] `), ended])
    return /^\s*y(?:es)?\s*$/i.test(answer)
  } finally {
    lines.close()
    stdin.pause()
  }
}
