/** Writes the /etc files of a container or a build step, in place: they are bind-mounted, the inode must stay. */
import type { ContainerDocument } from '../../state/containers.ts'
import type { Sandbox } from '../services/index.ts'
import type { EngineBase } from '../context.ts'
import type { ContainersContext } from './context.ts'
import { RESOLVED_PATH, RESOLV_CONF_PATH, parseResolvConf, renderResolvConf } from '../resolv-conf.ts'
import { formatHosts } from './etc-files.ts'
import { containerFolder } from './folders.ts'
import { hostnameOf } from './network-mode.ts'

export interface NameFiles {
  readonly hosts: string
  /** Undefined: not wanted. */
  readonly hostname: string | undefined
  readonly resolvConf: string
}

export interface NameWishes {
  readonly hostname: string
  readonly domainname: string
  readonly extraHosts: readonly string[]
  readonly dns: readonly string[]
  readonly dnsSearch: readonly string[]
  readonly dnsOptions: readonly string[]
}

type Base = Pick<EngineBase, 'host'>

function resolvConfOf({ host }: Base, { dns, dnsSearch, dnsOptions }: NameWishes, sandbox: Sandbox | undefined) {
  const resolved = host.files.readTextSync(RESOLVED_PATH)
  return renderResolvConf({
    host: parseResolvConf(host.files.readTextSync(RESOLV_CONF_PATH) ?? ''),
    resolved: resolved === undefined ? undefined : parseResolvConf(resolved),
    dns,
    search: dnsSearch,
    options: dnsOptions,
    network: sandbox === undefined ? 'host' : sandbox.embeddedDns ? 'embedded' : 'other',
  })
}

/** `sandbox` undefined: the host's network; then the host's own hosts file is the base. */
export async function writeNameFiles(
  { host }: Base,
  files: NameFiles,
  wishes: NameWishes,
  sandbox: Sandbox | undefined,
): Promise<void> {
  const { hostname, domainname, extraHosts } = wishes
  const endpoints = Object.values(sandbox?.endpoints ?? {})
  const filled = (value: string | undefined): value is string => value !== undefined && value !== ''
  const hosts = formatHosts({
    hostname,
    domainname,
    ipv6: sandbox?.ipv6 ?? true,
    extraHosts,
    hostGateway: sandbox === undefined ? '127.0.0.1' : endpoints.map(({ Gateway }) => Gateway).find(filled),
    addresses: endpoints.flatMap(({ IPAddress, GlobalIPv6Address }) => [IPAddress, GlobalIPv6Address].filter(filled)),
  })
  const own = sandbox === undefined ? (host.files.readTextSync('/etc/hosts') ?? '') : ''
  await Promise.all([
    host.files.writeFile(files.hosts, own === '' ? hosts : mergeHosts(own, hosts)),
    files.hostname === undefined ? undefined : host.files.writeFile(files.hostname, `${hostname}\n`),
    host.files.writeFile(files.resolvConf, resolvConfOf({ host }, wishes, sandbox)),
  ])
}

export async function writeEtcFiles(
  context: ContainersContext,
  document: ContainerDocument,
  sandbox: Sandbox | undefined,
): Promise<void> {
  const { config, hostConfig } = document
  const wishes: NameWishes = {
    hostname: hostnameOf(document),
    domainname: config.Domainname ?? '',
    extraHosts: hostConfig.ExtraHosts ?? [],
    dns: hostConfig.Dns ?? [],
    dnsSearch: hostConfig.DnsSearch ?? [],
    dnsOptions: hostConfig.DnsOptions ?? [],
  }
  await writeNameFiles(context, containerFolder(context.config, document.id), wishes, sandbox)
}

/** The host's file and, after it, the lines of ours that it does not have. */
function mergeHosts(own: string, ours: string): string {
  const known = new Set(own.split('\n'))
  const extra = ours.split('\n').filter((line) => line !== '' && !known.has(line) && !/localhost|ip6-/.test(line))
  return `${own.trimEnd()}\n${extra.map((line) => `${line}\n`).join('')}`
}
