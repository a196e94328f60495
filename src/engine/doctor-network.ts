/**
 * Doctor: what other rules on the machine do to container traffic. An accept in our table does not overrule a drop in
 * another one. Source: man 8 nft (base chains, policies), Docker and ufw documentation on the FORWARD chain.
 */
import type { DoctorCheck } from './doctor.ts'
import type { DoctorFinding } from '../api/types/index.ts'

/** The part of libnftables-json that is looked at. */
interface NftChain {
  readonly family: string
  readonly table: string
  readonly name: string
  readonly hook?: string
  readonly policy?: string
}

interface NftListing {
  readonly nftables?: readonly { readonly chain?: NftChain; readonly table?: { readonly name: string } }[]
}

export const checkNftables: DoctorCheck = async ({ host }) => {
  const listing = (await host.nft.list('tables')) as NftListing | undefined
  if (listing?.nftables === undefined)
    return [
      {
        check: 'nftables',
        status: 'failed',
        message: 'nftables does not answer',
        fix: 'apt-get install nftables; modprobe nf_tables',
      },
    ]
  return [{ check: 'nftables', status: 'ok', message: 'nftables works' }]
}

export const checkForwarding: DoctorCheck = ({ host, config }) => {
  const findings: DoctorFinding[] = []
  const forward = host.files.readTextSync('/proc/sys/net/ipv4/ip_forward')?.trim()
  const hasNetworks = host.files.readdirSync('/sys/class/net').some((name) => name.startsWith(config.bridgePrefix))
  if (forward === '1') findings.push({ check: 'ip_forward', status: 'ok', message: 'IPv4 forwarding is on' })
  else
    findings.push({
      check: 'ip_forward',
      status: hasNetworks ? 'failed' : 'ok',
      message: hasNetworks
        ? 'IPv4 forwarding was switched off: containers reach nothing outside, nothing reaches them'
        : 'IPv4 forwarding is off; it is switched on with the first network',
      ...(hasNetworks ? { fix: 'sysctl -w net.ipv4.ip_forward=1' } : {}),
    })
  if (host.files.readTextSync('/proc/sys/net/bridge/bridge-nf-call-iptables')?.trim() === '1')
    findings.push({
      check: 'bridge-nf',
      status: 'ok',
      message: 'bridged traffic passes the ip hooks (br_netfilter); the rules of the engine allow for it',
    })
  return Promise.resolve(findings)
}

/** Who made a table, as far as its chains' names tell. */
function ownerOf(chains: readonly NftChain[]): string {
  const names = chains.map(({ name }) => name)
  if (names.some((name) => name.startsWith('ufw'))) return 'ufw'
  if (names.some((name) => name.startsWith('DOCKER'))) return 'Docker'
  if (chains.some(({ table }) => table === 'firewalld')) return 'firewalld'
  return 'another program'
}

function fixFor(owner: string, { family, table, name }: NftChain, bridgePrefix: string): string {
  if (owner === 'ufw') return 'ufw default allow routed'
  if (owner === 'Docker')
    return `iptables -I DOCKER-USER -i '${bridgePrefix}+' -j ACCEPT; iptables -I DOCKER-USER -o '${bridgePrefix}+' -j ACCEPT`
  if (owner === 'firewalld')
    return `firewall-cmd --permanent --zone=trusted --add-interface='${bridgePrefix}+'; firewall-cmd --reload`
  return `nft insert rule ${family} ${table} ${name} iifname "${bridgePrefix}*" accept; nft insert rule ${family} ${table} ${name} oifname "${bridgePrefix}*" accept`
}

export const checkFirewall: DoctorCheck = async ({ host, config }) => {
  const listing = (await host.nft.list('chains')) as NftListing | undefined
  const chains = (listing?.nftables ?? []).flatMap(({ chain }) => (chain === undefined ? [] : [chain]))
  const dropping = chains.filter(
    ({ hook, policy, table }) => hook === 'forward' && policy === 'drop' && !table.startsWith('mycompose_'),
  )
  if (dropping.length === 0)
    return [{ check: 'firewall', status: 'ok', message: 'no other table drops forwarded traffic' }]
  return dropping.map((chain): DoctorFinding => {
    const owner = ownerOf(chains.filter(({ table, family }) => table === chain.table && family === chain.family))
    return {
      check: 'firewall',
      status: 'warning',
      message: `chain ${chain.family} ${chain.table} ${chain.name} (${owner}) drops forwarded traffic that it does not know`,
      fix: fixFor(owner, chain, config.bridgePrefix),
    }
  })
}
