/** One line an event on standard error, as docker compose --progress plain: ` Container p-db-1 Started `. */
import type { OutputStream } from '../io.ts'
import { stripControls } from './controls.ts'
import type { ProgressRenderer } from './renderer.ts'
import type { Style } from './style.ts'

export function createPlainRenderer(stderr: OutputStream, style: Style, prefix = ''): ProgressRenderer {
  const told = new Set<string>()
  const counted = new Set<string>()
  let last = ''
  return {
    progress({ id, parentId, text, details = '', current }) {
      const line = stripControls(` ${prefix}${id} ${text} ${details}`)
      if (line === last) return
      // counters are not shown, so what counts is told once: a layer is downloaded and extracted at the same time,
      // beside others, and the lines would only take turns
      if (parentId !== undefined || current !== undefined) {
        if (counted.has(line)) return
        counted.add(line)
      }
      last = line
      stderr.write(`${line}\n`)
    },
    notice({ level, text }) {
      if (told.has(text)) return
      told.add(text)
      stderr.write(`${level === 'warning' ? `${style.yellow('warning:')} ` : ''}${stripControls(text)}\n`)
    },
    openBuildView: async () => (await import('./build/plain.ts')).createPlainBuildView(stderr, style),
    settle: () => Promise.resolve(),
    oneLinePerEvent() {},
  }
}
