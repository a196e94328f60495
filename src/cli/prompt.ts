/** Questions to the user: yes or no, a line, and a secret that a terminal does not show. */
import { createInterface } from 'node:readline/promises'
import { CanceledError, UsageError } from '../errors.ts'
import type { CliIo } from './io.ts'

interface Asking {
  readonly io: Pick<CliIo, 'stderr' | 'stdin'>
  readonly signal: AbortSignal
}

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

/** One line that is seen while it is typed, trimmed; "" at the end of input. @throws CanceledError */
export async function ask({ io, signal }: Asking, question: string): Promise<string> {
  const lines = createInterface({ input: io.stdin, output: io.stderr, terminal: false })
  try {
    const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')))
    return (await Promise.race([lines.question(question, { signal }), ended])).trim()
  } catch (error) {
    if (signal.aborted) throw new CanceledError('canceled', { cause: error })
    throw error
  } finally {
    lines.close()
    io.stdin.pause()
  }
}

/** One line from a terminal that shows nothing of it. @throws CanceledError at Ctrl-C, and at Ctrl-D on an empty line */
export async function askSecret({ io, signal }: Asking, question: string): Promise<string> {
  const { stdin, stderr } = io
  stdin.setRawMode?.(true) // before the question: who answers at once is not to be seen
  stderr.write(question)
  try {
    return await new Promise<string>((resolve, reject) => {
      const decoder = new TextDecoder()
      let typed = ''
      const finish = (end: () => void): void => {
        stdin.off('data', onData)
        stdin.off('end', onEnd)
        signal.removeEventListener('abort', onAbort)
        end()
      }
      const onAbort = (): void => finish(() => reject(new CanceledError()))
      const onEnd = (): void => finish(() => resolve(typed))
      const onData = (data: Buffer): void => {
        for (const key of decoder.decode(data, { stream: true })) {
          if (key === '\r' || key === '\n') return onEnd()
          if (key === '\u0003' || (key === '\u0004' && typed === '')) return onAbort()
          if (key === '\u007F' || key === '\b') typed = Array.from(typed).slice(0, -1).join('')
          else if (key === '\u0015') typed = ''
          else if (key >= ' ') typed += key
        }
      }
      stdin.on('data', onData)
      stdin.once('end', onEnd)
      signal.addEventListener('abort', onAbort, { once: true })
      stdin.resume()
    })
  } finally {
    stdin.setRawMode?.(false)
    stdin.pause()
    stderr.write('\n')
  }
}
