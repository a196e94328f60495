/** The filters of `GET /networks`. PURE. Source: Docker Engine API v1.51, NetworkList. */
import type { Filters } from '../engine/services.ts'
import { InvalidRequestError } from '../errors.ts'
import type { NetworkRecord } from '../state/networks.ts'

type Test = (network: NetworkRecord, value: string, isUsed: (network: NetworkRecord) => boolean) => boolean

const isTrue = (value: string): boolean => /^(1|true)$/i.test(value)

const TESTS: Readonly<Record<string, Test>> = {
  name: (network, value) => network.name.includes(value),
  id: (network, value) => network.id.startsWith(value),
  driver: (network, value) => network.driver === value,
  scope: (_, value) => value === 'local',
  type: (network, value) => (network.predefined ? 'builtin' : 'custom') === value,
  dangling: (network, value, isUsed) => !network.predefined && isUsed(network) !== isTrue(value),
  label(network, value) {
    const at = value.indexOf('=')
    if (at < 0) return value in network.labels
    return network.labels[value.slice(0, at)] === value.slice(at + 1)
  },
}

/** Values of one filter are alternatives, but for labels, which must all be there. @throws InvalidRequestError */
export function matchesFilters(
  network: NetworkRecord,
  filters: Filters,
  isUsed: (network: NetworkRecord) => boolean,
): boolean {
  return Object.entries(filters).every(([name, values]) => {
    const test = TESTS[name]
    if (test === undefined) throw new InvalidRequestError(`invalid filter '${name}'`)
    const holds = (value: string): boolean => test(network, value, isUsed)
    return name === 'label' ? values.every(holds) : values.some(holds)
  })
}
