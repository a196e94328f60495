/**
 * Doctor: the subnets of networks against the machine's routes. A route that came later (a VPN) and overlaps a network
 * takes its containers' answers away; pools that are all routed leave no subnet for a new network.
 */
import type { DoctorCheck } from './doctor.ts'
import type { DoctorFinding } from '../api/types/index.ts'
import { overlaps, parseCidr, type Cidr } from '../network/address.ts'
import { countFreeSubnets4 } from '../network/ipam.ts'

const FEW_SUBNETS = 8

interface Named {
  readonly cidr: Cidr
  readonly name: string
}

const named = (text: string, name: string): Named[] => {
  const cidr = parseCidr(text)
  return cidr === undefined ? [] : [{ cidr, name }]
}

export const checkAddresses: DoctorCheck = async ({ host, networks }) => {
  const listed = await networks.list({})
  const own = listed.flatMap(({ Name, IPAM }) => (IPAM.Config ?? []).flatMap(({ Subnet = '' }) => named(Subnet, Name)))
  const routes = host.links
    .routes()
    .filter(({ destination }) => !destination.endsWith('/0'))
    .flatMap(({ destination, device }) => named(destination, device ?? '?'))
  // the network's own route is the one of exactly its subnet
  const clashes = own.flatMap(({ cidr, name }) =>
    routes
      .filter(
        (route) => overlaps(cidr, route.cidr) && (route.cidr.first !== cidr.first || route.cidr.prefix !== cidr.prefix),
      )
      .map((route): DoctorFinding => ({
        check: 'addresses',
        status: 'warning',
        message: `the subnet of network ${name} overlaps a route by ${route.name}: some addresses cannot be reached`,
        fix: `give it another subnet (networks.${name}.ipam.config), or: mycompose network rm ${name}, and up again`,
      })),
  )
  const addresses = host.links.addresses().flatMap(({ address, device }) => named(address, device))
  const taken = [...own, ...routes, ...addresses].map(({ cidr, name }) => ({ cidr, owner: name }))
  const free = countFreeSubnets4(taken)
  if (free >= FEW_SUBNETS)
    return [{ check: 'addresses', status: 'ok', message: `${free} subnets are free for networks` }, ...clashes]
  return [
    {
      check: 'addresses',
      status: free === 0 ? 'failed' : 'warning',
      message: `${free} subnets are free for new networks: all others are used by networks or routed elsewhere`,
      fix: 'mycompose network prune, or give networks subnets of their own under ipam.config',
    },
    ...clashes,
  ]
}
