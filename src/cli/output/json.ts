/** One JSON object a line on standard error, with docker compose's keys, for programs that watch us. */
import type { ProgressEvent, ProgressStatus } from '../../events.ts'
import type { OutputStream } from '../io.ts'
import type { ProgressRenderer } from './renderer.ts'

const STATUS_WORDS: Readonly<Record<ProgressStatus, string>> = {
  working: 'Working',
  done: 'Done',
  warning: 'Warning',
  error: 'Error',
}

function toJson(event: ProgressEvent, dryRun: boolean): object {
  const { id, parentId, status, text, details, current, total, elapsedMs } = event
  return {
    ...(dryRun ? { 'dry-run': true } : {}),
    id,
    parent_id: parentId,
    status: STATUS_WORDS[status],
    text,
    details,
    current,
    total,
    elapsed_ms: elapsedMs,
    percent: current === undefined || total === undefined || total === 0 ? undefined : percent(current, total),
  }
}

const percent = (current: number, total: number): number => Math.min(100, Math.floor((current * 100) / total))

export function createJsonRenderer(stderr: OutputStream, dryRun = false): ProgressRenderer {
  const told = new Set<string>()
  return {
    progress: (event) => void stderr.write(`${JSON.stringify(toJson(event, dryRun))}\n`),
    notice({ level, text }) {
      if (told.has(text)) return
      told.add(text)
      stderr.write(`${JSON.stringify({ level, message: text })}\n`)
    },
    openBuildView: async () => (await import('./build/json.ts')).createJsonBuildView(stderr),
    settle: () => Promise.resolve(),
    oneLinePerEvent() {},
  }
}
