/** The filters of `GET /networks`. PURE. Source: Docker Engine API v1.51, NetworkList. */
import { hasLabel, isTrue, matchesFilters } from '../api/filters.ts'
import type { Filters } from '../engine/services/index.ts'
import type { NetworkRecord } from '../state/networks.ts'

/** @throws InvalidRequestError */
export function matchesNetwork(
  network: NetworkRecord,
  filters: Filters,
  isUsed: (network: NetworkRecord) => boolean,
): boolean {
  return matchesFilters(filters, {
    name: (value) => network.name.includes(value),
    id: (value) => network.id.startsWith(value),
    driver: (value) => network.driver === value,
    scope: (value) => value === 'local',
    type: (value) => (network.predefined ? 'builtin' : 'custom') === value,
    dangling: (value) => !network.predefined && isUsed(network) !== isTrue(value),
    label: (value) => hasLabel(network.labels, value),
  })
}
