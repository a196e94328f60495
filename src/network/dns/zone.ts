/**
 * Who answers to which name on which network. PURE but for being filled and emptied. A container sees the names of the
 * networks it is on, and of those alone; the first of its networks that knows a name answers, with every address that
 * carries it (all replicas of a service share its name).
 */
import type { Family } from '../address.ts'

export interface ZoneEndpoint {
  readonly containerId: string
  readonly networkId: string
  readonly networkName: string
  /** The first answers reverse look-ups. */
  readonly names: readonly string[]
  /** Without prefix. */
  readonly ipv4: string | undefined
  readonly ipv6: string | undefined
}

/** Who asks: its networks in the order of its endpoints, and its own names for others (links). */
export interface Asker {
  readonly networks: readonly { readonly id: string; readonly name: string }[]
  /** Lower-case alias -> container name. */
  readonly links: ReadonlyMap<string, string>
}

export interface Zone {
  add(endpoint: ZoneEndpoint): void
  remove(containerId: string, networkId: string): void
  /** Addresses of one family, possibly none; undefined: nobody of that name. */
  resolve(asker: Asker, name: string, family: Family): string[] | undefined
  /** "web-1.demo_default"; undefined: nobody has the address there. */
  reverse(asker: Asker, address: string): string | undefined
}

export function createZone(): Zone {
  /** network id -> lower-case name -> container id -> endpoint */
  const names = new Map<string, Map<string, Map<string, ZoneEndpoint>>>()
  /** network id -> address -> endpoint */
  const addresses = new Map<string, Map<string, ZoneEndpoint>>()
  const endpoints = new Map<string, ZoneEndpoint>()

  function remove(containerId: string, networkId: string): void {
    const key = `${networkId}/${containerId}`
    const endpoint = endpoints.get(key)
    if (endpoint === undefined) return
    endpoints.delete(key)
    const network = names.get(networkId)
    for (const name of endpoint.names) {
      const holders = network?.get(name.toLowerCase())
      holders?.delete(containerId)
      if (holders?.size === 0) network?.delete(name.toLowerCase())
    }
    const byAddress = addresses.get(networkId)
    for (const address of [endpoint.ipv4, endpoint.ipv6]) if (address !== undefined) byAddress?.delete(address)
    if (network?.size === 0) names.delete(networkId)
    if (byAddress?.size === 0) addresses.delete(networkId)
  }

  function onNetwork(networkId: string, name: string, family: Family): string[] | undefined {
    const holders = names.get(networkId)?.get(name)
    if (holders === undefined) return undefined
    return [...holders.values()]
      .map((endpoint) => (family === 4 ? endpoint.ipv4 : endpoint.ipv6))
      .filter((address) => address !== undefined)
  }

  return {
    remove,
    add(endpoint) {
      remove(endpoint.containerId, endpoint.networkId)
      endpoints.set(`${endpoint.networkId}/${endpoint.containerId}`, endpoint)
      const network = getOrMake(names, endpoint.networkId, () => new Map())
      for (const name of endpoint.names)
        getOrMake(network, name.toLowerCase(), () => new Map()).set(endpoint.containerId, endpoint)
      const byAddress = getOrMake(addresses, endpoint.networkId, () => new Map())
      for (const address of [endpoint.ipv4, endpoint.ipv6]) if (address !== undefined) byAddress.set(address, endpoint)
    },
    resolve(asker, asked, family) {
      const name = asked.toLowerCase().replace(/\.$/, '')
      const linked = asker.links.get(name)?.toLowerCase() ?? name
      for (const { id } of asker.networks) {
        const found = onNetwork(id, linked, family)
        if (found !== undefined) return found
      }
      // "web.backend": a name on one network alone; network names may hold dots themselves
      for (const network of asker.networks) {
        const suffix = `.${network.name.toLowerCase()}`
        if (!linked.endsWith(suffix)) continue
        const found = onNetwork(network.id, linked.slice(0, -suffix.length), family)
        if (found !== undefined) return found
      }
      return undefined
    },
    reverse(asker, address) {
      for (const { id, name } of asker.networks) {
        const endpoint = addresses.get(id)?.get(address)
        if (endpoint !== undefined) return `${endpoint.names[0] ?? endpoint.containerId.slice(0, 12)}.${name}`
      }
      return undefined
    },
  }
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}

/** The address that "5.0.18.172.in-addr.arpa" or an ip6.arpa name stands for; RFC 1035 3.5, RFC 3596 2.5. */
export function addressOfReverseName(name: string): string | undefined {
  const labels = name.toLowerCase().replace(/\.$/, '').split('.')
  const suffix = labels.splice(-2).join('.')
  if (suffix === 'in-addr.arpa') {
    const valid = labels.length === 4 && labels.every((label) => /^\d{1,3}$/.test(label) && Number(label) < 256)
    return valid ? labels.toReversed().map(Number).join('.') : undefined
  }
  if (suffix !== 'ip6.arpa' || labels.length !== 32 || !labels.every((label) => /^[0-9a-f]$/.test(label)))
    return undefined
  return labels
    .toReversed()
    .join('')
    .replaceAll(/(....)(?=.)/g, '$1:')
}
