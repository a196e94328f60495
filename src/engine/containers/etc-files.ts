/**
 * PURE: the texts of /etc/hosts, /etc/hostname and /etc/resolv.conf of a container. They are bind mounts: whoever
 * writes them must keep the inode. Source: moby libnetwork/etchosts and resolvconf, man 5 resolv.conf.
 */
export interface HostsInput {
  readonly hostname: string
  readonly domainname: string
  readonly ipv6: boolean
  /** "name:ip" or "name=ip"; ip may be "host-gateway". */
  readonly extraHosts: readonly string[]
  /** What "host-gateway" stands for; undefined where there is no gateway: such entries fall away. */
  readonly hostGateway: string | undefined
  readonly addresses: readonly string[]
}

/** [name, address] of an extra host, split at the first ":" or "=". */
export function parseExtraHost(entry: string): readonly [string, string] | undefined {
  const match = /^([^:=]+)[:=]\[?([^\]]+)\]?$/.exec(entry)
  return match?.[1] === undefined || match[2] === undefined ? undefined : [match[1], match[2]]
}

export function formatHosts(input: HostsInput): string {
  const { hostname, domainname, hostGateway } = input
  const names = domainname === '' ? hostname : `${hostname}.${domainname}\t${hostname}`
  const extra = input.extraHosts.flatMap((entry) => {
    const [name, address] = parseExtraHost(entry) ?? []
    const ip = address === 'host-gateway' ? hostGateway : address
    return name === undefined || ip === undefined ? [] : [`${ip}\t${name}`]
  })
  const ipv6 = [
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::\tip6-localnet',
    'ff00::\tip6-mcastprefix',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
  ]
  const lines = [
    '127.0.0.1\tlocalhost',
    ...(input.ipv6 ? ipv6 : []),
    ...extra,
    ...input.addresses.map((address) => `${address}\t${names}`),
  ]
  return `${lines.join('\n')}\n`
}

export interface ResolvConf {
  readonly nameservers: readonly string[]
  readonly search: readonly string[]
  readonly options: readonly string[]
}

/** Last `search` (or `domain`) wins, `options` add up, unknown words fall away. */
export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = []
  let search: string[] = []
  const options: string[] = []
  for (const line of text.split('\n')) {
    const [word, ...rest] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/)
    if (word === 'nameserver' && rest[0] !== undefined) nameservers.push(rest[0])
    if (word === 'search' || word === 'domain') search = rest
    if (word === 'options') options.push(...rest)
  }
  return { nameservers, search, options }
}

export interface ResolverWish {
  /** The host's own configuration. */
  readonly host: ResolvConf
  readonly embeddedDns: boolean
  readonly dns: readonly string[]
  readonly dnsSearch: readonly string[]
  readonly dnsOptions: readonly string[]
}

const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1'

export function formatResolvConf(wish: ResolverWish): string {
  const { host, embeddedDns, dns } = wish
  const search = wish.dnsSearch.length === 0 ? host.search : wish.dnsSearch.filter((domain) => domain !== '.')
  const ownOptions = wish.dnsOptions.length === 0 ? host.options : wish.dnsOptions
  const hasNdots = ownOptions.some((option) => /^ndots:\d+$/.test(option))
  const options = embeddedDns && !hasNdots ? [...ownOptions, 'ndots:0'] : ownOptions
  const reachable = host.nameservers.filter((address) => !isLoopback(address))
  const plain = dns.length > 0 ? dns : reachable.length > 0 ? reachable : ['8.8.8.8', '8.8.4.4']
  const lines = [
    ...(embeddedDns ? ['127.0.0.11'] : plain).map((address) => `nameserver ${address}`),
    ...(search.length === 0 ? [] : [`search ${search.join(' ')}`]),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}`]),
  ]
  return `${lines.join('\n')}\n`
}
