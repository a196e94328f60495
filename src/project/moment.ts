/** Times as users write them on a command line, for the engine. */
import { UsageError } from '../errors.ts'
import { parseDurationNs } from '../units.ts'
import type { ProjectContext } from './context.ts'

/** A duration counts back from now; everything else is the engine's to read. */
export function toMoment(context: Pick<ProjectContext, 'clock'>, option: string, text: string): string {
  const durationNs = parseDurationNs(text)
  if (durationNs !== undefined && text !== '0') return ((context.clock.nowMs() - durationNs / 1e6) / 1000).toFixed(3)
  if (/^\d+(\.\d+)?$/.test(text)) return text
  const unixMs = Date.parse(text)
  if (!Number.isNaN(unixMs)) return (unixMs / 1000).toFixed(3)
  throw new UsageError(`${option} "${text}" is neither a time nor a duration`, {
    hint: 'examples: 10m, 2026-01-02T13:23:37Z, 1700000000',
  })
}
