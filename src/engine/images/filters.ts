/** The filters of `GET /images/json`. PURE but for `createdMsOf`. Source: Docker Engine API v1.51, ImageList. */
import type { Filters } from '../services.ts'
import { createdMs, type DescribedImage } from './describe.ts'
import { familiarRepository, toFamiliar } from './reference.ts'
import { InvalidRequestError } from '../../errors.ts'

export interface FilterContext {
  readonly nowMs: number
  /** Unix milliseconds when the image that the text names was created. Throws NotFoundError. */
  readonly createdMsOf: (text: string) => number
}

type Test = (image: DescribedImage, value: string, context: FilterContext) => boolean

function hasLabel({ config }: DescribedImage, value: string): boolean {
  const labels = config.config?.Labels ?? {}
  const equals = value.indexOf('=')
  return equals < 0 ? value in labels : labels[value.slice(0, equals)] === value.slice(equals + 1)
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

function matchesReference({ tags }: DescribedImage, glob: string): boolean {
  const pattern = globToRegExp(glob)
  return tags.some((tag) => {
    const familiar = toFamiliar(tag)
    return [tag, familiar, familiarRepository(familiar), familiarRepository(tag)].some((name) => pattern.test(name))
  })
}

/** A duration back from now ("24h"), Unix seconds, or RFC 3339. */
function parseUntilMs(value: string, nowMs: number): number {
  const seconds = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN
  const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(h|m|s)/g)]
  if (parts.length > 0 && parts.map(([text]) => text).join('') === value) {
    const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000 }
    return nowMs - parts.reduce((total, [, amount, unit]) => total + Number(amount) * (unitMs[unit ?? ''] ?? 0), 0)
  }
  const ms = Number.isNaN(seconds) ? Date.parse(value) : seconds * 1000
  if (Number.isNaN(ms)) throw new InvalidRequestError(`invalid filter until="${value}"`)
  return ms
}

const TESTS: Readonly<Record<string, Test>> = {
  dangling: ({ tags }, value) => (tags.length === 0) === /^(1|true)$/i.test(value),
  label: hasLabel,
  'label!': (image, value) => !hasLabel(image, value),
  reference: matchesReference,
  before: (image, value, { createdMsOf }) => createdMs(image) < createdMsOf(value),
  since: (image, value, { createdMsOf }) => createdMs(image) > createdMsOf(value),
  until: (image, value, { nowMs }) => createdMs(image) < parseUntilMs(value, nowMs),
}

/** Values of one filter are alternatives, but for labels, which must all hold. Throws InvalidRequestError. */
export function matchesFilters(image: DescribedImage, filters: Filters, context: FilterContext): boolean {
  return Object.entries(filters).every(([name, values]) => {
    const test = TESTS[name]
    if (test === undefined) throw new InvalidRequestError(`invalid filter '${name}'`)
    const holds = (value: string): boolean => test(image, value, context)
    return name.startsWith('label') ? values.every(holds) : values.some(holds)
  })
}
