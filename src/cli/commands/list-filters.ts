/** `--filter NAME=VALUE` of lists and prunes, as the Engine API wants them. Source: docker CLI, opts/filter. */
import type { ListFilters } from '../../api/client/client.ts'
import { UsageError } from '../../errors.ts'

/**
 * @example parseFilters(["label=a=b", "label!=c", "until=24h"]) is { label: ["a=b"], "label!": ["c"], until: ["24h"] }
 * @throws UsageError
 */
export function parseFilters(texts: readonly string[] | undefined): ListFilters {
  const filters: Record<string, string[]> = {}
  for (const text of texts ?? []) {
    const equals = text.indexOf('=')
    if (equals < 1) throw new UsageError(`invalid filter "${text}"`, { hint: 'write it as NAME=VALUE' })
    const name = text.slice(0, equals).trim().toLowerCase()
    filters[name] = [...(filters[name] ?? []), text.slice(equals + 1).trim()]
  }
  return filters
}
