/** Where a path leads inside of a root that is no folder of the kernel's: several layers, or one that is being written. */
import type { ByteString } from '../../host/at.ts'

/** As the kernel's (man 7 path_resolution). */
const MAX_LINKS = 40

export interface FollowRules {
  /** Sees each folder and name on the way before it is looked at; may throw. */
  readonly check?: (parts: readonly ByteString[]) => void
  /** More links than anybody follows. */
  readonly tooMany: () => Error
}

/**
 * PURE but for `targetOf`: what the link at a path without links says; undefined for all that is no link. Links are
 * followed, the last one too, without ever leaving the root; parts that are not there stay as they are.
 */
export function walkLinks(
  path: ByteString,
  targetOf: (path: ByteString) => ByteString | undefined,
  { check, tooMany }: FollowRules,
): ByteString {
  let real: ByteString[] = []
  const rest = path.split('/').toReversed()
  let links = 0
  for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
    if (part === '' || part === '.') continue
    if (part === '..') {
      real.pop()
      continue
    }
    check?.([...real, part])
    const target = targetOf([...real, part].join('/'))
    if (target === undefined) {
      real.push(part)
      continue
    }
    links += 1
    if (links > MAX_LINKS) throw tooMany()
    if (target.startsWith('/')) real = []
    rest.push(...target.split('/').toReversed())
  }
  return real.join('/')
}
