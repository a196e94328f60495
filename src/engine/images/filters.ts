/** The filters of `GET /images/json`. PURE but for `createdMsOf`. Source: Docker Engine API v1.51, ImageList. */
import { hasLabel, isTrue, matchesFilters, parseTimeMs } from '../../api/filters.ts'
import type { Filters } from '../services/index.ts'
import { createdMs, type ListedImage } from './describe.ts'
import { familiarRepository, toFamiliar } from '../../api/reference.ts'
import { InvalidRequestError } from '../../errors.ts'

export interface FilterContext {
  readonly nowMs: number
  /** Unix milliseconds when the image that the text names was created. Throws NotFoundError. */
  readonly createdMsOf: (text: string) => number
}

/** As Go's path.Match: "*" and "?" stop at "/". */
function globToRegExp(glob: string): RegExp {
  const source = glob
    .replaceAll(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]')
  try {
    return new RegExp(`^${source}$`)
  } catch (cause) {
    throw new InvalidRequestError(`invalid reference filter "${glob}"`, { cause })
  }
}

function isNamedBy(tag: string, glob: string): boolean {
  const pattern = globToRegExp(glob)
  const familiar = toFamiliar(tag)
  return [tag, familiar, familiarRepository(familiar), familiarRepository(tag)].some((name) => pattern.test(name))
}

/** With a filter on names only the names that it finds are shown. Throws InvalidRequestError. */
export function shownTags(tags: readonly string[], filters: Filters): readonly string[] {
  const globs = filters['reference'] ?? []
  return globs.length === 0 ? tags : tags.filter((tag) => globs.some((glob) => isNamedBy(tag, glob)))
}

/** Throws InvalidRequestError. */
export function matchesImage(image: ListedImage, filters: Filters, { nowMs, createdMsOf }: FilterContext): boolean {
  const labels = image.facts.labels ?? {}
  return matchesFilters(filters, {
    dangling: (value) => (image.tags.length + image.platformOf.length === 0) === isTrue(value),
    label: (value) => hasLabel(labels, value),
    'label!': (value) => !hasLabel(labels, value),
    reference: (value) => [...image.tags, ...image.platformOf].some((tag) => isNamedBy(tag, value)),
    before: (value) => createdMs(image) < createdMsOf(value),
    since: (value) => createdMs(image) > createdMsOf(value),
    until: (value) => createdMs(image) < parseTimeMs(value, nowMs),
  })
}
