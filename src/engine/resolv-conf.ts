/**
 * resolv.conf: what the host's says, and the text of a container's. PURE. Source: man 5 resolv.conf, moby
 * daemon/libnetwork/internal/resolvconf.
 */

export const RESOLV_CONF_PATH = '/etc/resolv.conf'

/** Where containers find the embedded resolver. */
export const EMBEDDED_RESOLVER = '127.0.0.11'

/** Names systemd-resolved's real servers when /etc/resolv.conf only points to its stub. */
export const RESOLVED_PATH = '/run/systemd/resolve/resolv.conf'

export interface ResolvConf {
  readonly servers: readonly string[]
  readonly search: readonly string[]
  readonly options: readonly string[]
}

export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = []
  let search: string[] = []
  const options: string[] = []
  for (const line of text.split('\n')) {
    const [keyword = '', ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/)
    const [first] = values
    if (keyword === 'nameserver' && first !== undefined) servers.push(first)
    if (keyword === 'search' || keyword === 'domain') search = values // the last one counts
    if (keyword === 'options') options.push(...values)
  }
  return { servers, search, options }
}

/** True for addresses that mean "this machine" and so nothing inside a container. */
export function isLoopback(server: string): boolean {
  return server.startsWith('127.') || server === '::1'
}

/**
 * The servers to ask from the host's own namespace, in order: those of resolv.conf, a loopback stub included, because
 * asked from the host it works and knows the rules of VPNs; behind a mere stub, its upstream servers as the second choice.
 */
export function upstreamServers(host: ResolvConf, resolved: ResolvConf | undefined): string[] {
  const behind = host.servers.every(isLoopback) ? (resolved?.servers ?? []) : []
  return [...new Set([...host.servers, ...behind])].filter((server) => !server.includes('%'))
}

export interface ResolvConfInput {
  readonly host: ResolvConf
  /** systemd-resolved's own file, when there is one. */
  readonly resolved: ResolvConf | undefined
  /** HostConfig.Dns, DnsSearch, DnsOptions; empty: the host's. DnsSearch ["."] means none. */
  readonly dns: readonly string[]
  readonly search: readonly string[]
  readonly options: readonly string[]
  /** `embedded`: Sandbox.embeddedDns. `host`: the host's network, where a stub on loopback answers as well. */
  readonly network: 'embedded' | 'host' | 'other'
}

function serversOf({ network, host, resolved, dns }: ResolvConfInput): readonly string[] {
  if (network === 'embedded') return [EMBEDDED_RESOLVER]
  if (dns.length > 0) return dns
  if (network === 'host') return host.servers
  const real = host.servers.every(isLoopback) ? (resolved?.servers ?? []) : host.servers
  return real.filter((server) => !isLoopback(server))
}

/** The whole text of a container's /etc/resolv.conf. */
export function renderResolvConf(input: ResolvConfInput): string {
  const { host, search, options } = input
  const servers = serversOf(input)
  const embedded = input.network === 'embedded'
  const domains = (search.length > 0 ? search : host.search).filter((domain) => domain !== '.')
  const base = options.length > 0 ? options : host.options
  // ndots:0 as Docker has it: names of services have no dot and are asked for as they are, first
  const all = embedded && !base.some((option) => option.startsWith('ndots:')) ? [...base, 'ndots:0'] : base
  return [
    ...servers.map((server) => `nameserver ${server}`),
    ...(domains.length === 0 ? [] : [`search ${domains.join(' ')}`]),
    ...(all.length === 0 ? [] : [`options ${all.join(' ')}`]),
    '',
  ].join('\n')
}
