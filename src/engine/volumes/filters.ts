/** The filters of `GET /volumes` and of prune. PURE. Source: Docker Engine API v1.51, VolumeList, VolumePrune. */
import type { VolumeRecord } from '../../state/volumes.ts'
import { hasLabel, isTrue, matchesFilters } from '../../api/filters.ts'
import type { Filters } from '../services/index.ts'

/** @throws InvalidRequestError */
export function matchesVolume({ name, labels }: VolumeRecord, filters: Filters, isUsed: () => boolean): boolean {
  return matchesFilters(filters, {
    name: (value) => name.includes(value),
    driver: (value) => value === 'local',
    dangling: (value) => isUsed() !== isTrue(value),
    label: (value) => hasLabel(labels, value),
    'label!': (value) => !hasLabel(labels, value),
    // of prune: false (the default there) keeps named volumes
    all: () => true,
  })
}

export const asksForAll = (filters: Filters): boolean => filters['all']?.some(isTrue) ?? false
