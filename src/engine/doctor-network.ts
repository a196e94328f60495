/**
 * Doctor: what other rules on the machine do to container traffic. An accept in our table does not overrule a drop in
 * another one. Source: man 8 nft (base chains, policies), Docker and ufw documentation on the FORWARD chain.
 */
import type { DoctorCheck } from './doctor.ts'
import type { DoctorFinding } from '../api/types/index.ts'
import type { Host } from '../host/host.ts'

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

interface NftRule {
  readonly chain: string
  readonly expr: readonly Readonly<Record<string, unknown>>[]
}

/** The rules of a chain's whole table, in order. */
async function rulesOf(host: Host, { family, table }: NftChain): Promise<NftRule[]> {
  const listing = (await host.nft.list(`table ${family} ${table}`)) as
    | { readonly nftables?: readonly { readonly rule?: NftRule }[] }
    | undefined
  return (listing?.nftables ?? []).flatMap(({ rule }) => (rule === undefined ? [] : [rule]))
}

/** firewalld's way: the policy accepts, and the last rule refuses what none before it took. */
function endsInRefusal(rules: readonly NftRule[], { name }: NftChain): boolean {
  const [verdict, ...more] = rules.findLast(({ chain }) => chain === name)?.expr ?? []
  return verdict !== undefined && more.length === 0 && ('drop' in verdict || 'reject' in verdict)
}

/** True when a rule of the table accepts traffic of our bridges: somebody has followed the advice. */
function letsOursPass(rules: readonly NftRule[], bridgePrefix: string): boolean {
  return rules.some(({ expr }) => {
    const names = expr.some(({ match }) => JSON.stringify(match ?? '').includes(`"${bridgePrefix}`))
    return names && expr.some((statement) => 'accept' in statement)
  })
}

async function judgeChain(
  { host, config }: Parameters<DoctorCheck>[0],
  chain: NftChain,
  owner: string,
): Promise<DoctorFinding | undefined> {
  const rules = await rulesOf(host, chain)
  if (chain.policy !== 'drop' && !endsInRefusal(rules, chain)) return undefined
  const where = `chain ${chain.family} ${chain.table} ${chain.name} (${owner})`
  if (letsOursPass(rules, config.bridgePrefix))
    return { check: 'firewall', status: 'ok', message: `${where} lets container traffic pass` }
  return {
    check: 'firewall',
    status: 'warning',
    message: `${where} refuses forwarded traffic that it does not know: containers reach nothing outside, other machines no published port; 127.0.0.1 works`,
    fix: fixFor(owner, chain, config.bridgePrefix),
  }
}

export const checkFirewall: DoctorCheck = async (context) => {
  const { host } = context
  const listing = (await host.nft.list('chains')) as NftListing | undefined
  const chains = (listing?.nftables ?? []).flatMap(({ chain }) => (chain === undefined ? [] : [chain]))
  const ownerAt = (one: NftChain): string =>
    ownerOf(chains.filter(({ table, family }) => table === one.table && family === one.family))
  const foreign = chains.filter(({ table }) => !table.startsWith('mycompose_'))
  const findings: DoctorFinding[] = []
  for (const chain of foreign.filter(({ hook }) => hook === 'forward')) {
    const finding = await judgeChain(context, chain, ownerAt(chain))
    if (finding !== undefined) findings.push(finding)
  }
  if (findings.length === 0)
    findings.push({ check: 'firewall', status: 'ok', message: 'no other table drops forwarded traffic' })
  const input = foreign.find(({ hook, policy }) => hook === 'input' && policy === 'drop')
  if (input !== undefined)
    findings.push({
      check: 'firewall-input',
      status: 'ok',
      message: `chain ${input.family} ${input.table} ${input.name} (${ownerAt(input)}) decides which services of this host containers reach; published ports do not pass it: publish at 127.0.0.1 what is not for others`,
    })
  return findings
}
