/** What came of a row, held against what must: the same judgement for our engine and for a peer. */
import type { ImageConfig } from '../../src/api/types/index.ts'
import type { BuildCase } from './build-case.ts'

/** Path -> "644 0:0 text", as test/support/copy-case.ts lists. */
export type Listing = Readonly<Record<string, string>>

export type Outcome =
  | {
      readonly kind: 'built'
      readonly files: Listing
      readonly config: Readonly<Record<string, unknown>>
      readonly history: ImageConfig['history']
    }
  /** `code` undefined: a peer, which has codes of its own or none. */
  | { readonly kind: 'failed'; readonly code?: string; readonly line?: number; readonly message: string }

/** Whoever built it, steps of the Dockerfile have it; those of a base image do not. */
const OURS = 'buildkit.dockerfile.v0'

/** One line for each difference; none when all is as it must be. `busybox`: the files of that base. */
export function judge(row: BuildCase, outcome: Outcome, busybox: Listing): readonly string[] {
  if (row.error !== undefined) return judgeFailure(row.error, outcome)
  if (outcome.kind === 'failed') return [`failed: ${outcome.message}`]
  const base = outcome.files['bin/busybox'] === undefined ? {} : busybox
  const config = Object.keys(row.config ?? {}).map((key) => [key, outcome.config[key] ?? undefined] as const)
  return [
    ...(row.tree === undefined ? [] : differences('files', row.tree, changes(base, outcome.files))),
    ...(row.config === undefined ? [] : differences('config', row.config, Object.fromEntries(config))),
    ...(row.history === undefined
      ? []
      : differences('history', byIndex(row.history), byIndex(historyOf(outcome.history)))),
  ]
}

function judgeFailure(wanted: NonNullable<BuildCase['error']>, outcome: Outcome): readonly string[] {
  if (outcome.kind === 'built') return ['it was built, and must fail']
  if (outcome.code === undefined) return []
  const { code, line, message } = wanted
  return [
    ...(outcome.code === code ? [] : [`code: want ${code}, got ${outcome.code}: ${outcome.message}`]),
    ...(line === undefined || outcome.line === line ? [] : [`line: want ${line}, got ${outcome.line}`]),
    ...(message === undefined || message.test(outcome.message)
      ? []
      : [`message: want ${message}, got ${outcome.message}`]),
  ]
}

/** What is in `now` and not as in `before`, and what is gone. */
function changes(before: Listing, now: Listing): Listing {
  const changed = Object.entries(now).filter(([path, what]) => before[path] !== what)
  const gone = Object.keys(before).filter((path) => now[path] === undefined)
  return Object.fromEntries([...changed, ...gone.map((path) => [path, 'gone'] as const)])
}

function historyOf(history: ImageConfig['history']): readonly string[] {
  return (history ?? [])
    .filter(({ comment }) => comment === OURS)
    .map((step) => `${step.created_by}${step.empty_layer === true ? ' (empty)' : ''}`)
}

function byIndex(list: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(list.entries())
}

function differences(
  what: string,
  wanted: Readonly<Record<string, unknown>>,
  actual: Readonly<Record<string, unknown>>,
): readonly string[] {
  const keys = new Set([...Object.keys(wanted), ...Object.keys(actual)])
  return [...keys].flatMap((key) => {
    const [want, got] = [text(wanted[key]), text(actual[key])]
    return want === got ? [] : [`${what} ${key}: want ${want}, got ${got}`]
  })
}

/** Keys in order: maps have none. */
function text(value: unknown): string {
  const sorted = (_key: string, item: unknown): unknown =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : item
  return value === undefined ? 'nothing' : JSON.stringify(value, sorted)
}
