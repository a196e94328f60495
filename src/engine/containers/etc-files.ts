/**
 * PURE: the text of a container's /etc/hosts; that of its resolv.conf is in ../resolv-conf.ts. Both are bind mounts:
 * whoever writes them must keep the inode. Source: moby daemon/libnetwork/etchosts, man 5 hosts.
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
