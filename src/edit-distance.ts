/**
 * The nearest of some names to a misspelt one, for "did you mean". Imports nothing.
 */

/** Thousands of misspelt names among thousands must not take minutes: so many candidates are looked at closely. */
const MAX_COMPARED = 300

/** undefined when none is near (more than a third of the letters differ) among the first MAX_COMPARED of a similar length. */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = normal(name)
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1
  let compared = 0
  for (const candidate of candidates) {
    const other = normal(candidate)
    if (Math.abs(other.length - wanted.length) >= bestDistance) continue
    compared += 1
    if (compared > MAX_COMPARED) break
    const distance = editDistance(wanted, other)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** "restartPolicy", "restart-policy" and "restart_policy" are the same word. */
function normal(name: string): string {
  return name.replaceAll(/[-_]/g, '').toLowerCase()
}

/** Optimal string alignment: insertions, deletions, replacements and swaps of neighbours cost 1 each. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1)
      }
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? 0
}
