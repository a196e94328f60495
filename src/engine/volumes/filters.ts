/** The filters of `GET /volumes` and of prune. PURE. Source: Docker Engine API v1.51, VolumeList, VolumePrune. */
import { InvalidRequestError } from '../../errors.ts'
import type { VolumeRecord } from '../../state/volumes.ts'
import type { Filters } from '../services.ts'

type Test = (volume: VolumeRecord, value: string, isUsed: () => boolean) => boolean

const isTrue = (value: string): boolean => /^(1|true)$/i.test(value)

function hasLabel(volume: VolumeRecord, value: string): boolean {
  const at = value.indexOf('=')
  return at < 0 ? value in volume.labels : volume.labels[value.slice(0, at)] === value.slice(at + 1)
}

const TESTS: Readonly<Record<string, Test>> = {
  name: (volume, value) => volume.name.includes(value),
  driver: (_, value) => value === 'local',
  dangling: (_, value, isUsed) => isUsed() !== isTrue(value),
  label: hasLabel,
  'label!': (volume, value) => !hasLabel(volume, value),
  /** Of prune: false (the default there) keeps named volumes. */
  all: () => true,
}

/** Values of one filter are alternatives, but for labels, which must all hold. @throws InvalidRequestError */
export function matchesFilters(volume: VolumeRecord, filters: Filters, isUsed: () => boolean): boolean {
  return Object.entries(filters).every(([name, values]) => {
    const test = TESTS[name]
    if (test === undefined) throw new InvalidRequestError(`invalid filter '${name}'`)
    const holds = (value: string): boolean => test(volume, value, isUsed)
    return name.startsWith('label') ? values.every(holds) : values.some(holds)
  })
}

export const asksForAll = (filters: Filters): boolean => filters['all']?.some(isTrue) ?? false
