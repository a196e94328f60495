/** Writes a container's /etc files, in place: they are bind-mounted, the inode must stay. */
import type { ContainerDocument } from '../../state/containers.ts'
import type { Sandbox } from '../services/index.ts'
import type { ContainersContext } from './context.ts'
import { RESOLVED_PATH, RESOLV_CONF_PATH, parseResolvConf, renderResolvConf } from '../resolv-conf.ts'
import { formatHosts } from './etc-files.ts'
import { containerFolder } from './folders.ts'
import { hostnameOf } from './network-mode.ts'

function resolvConfOf({ host }: ContainersContext, { hostConfig }: ContainerDocument, sandbox: Sandbox | undefined) {
  const resolved = host.files.readTextSync(RESOLVED_PATH)
  return renderResolvConf({
    host: parseResolvConf(host.files.readTextSync(RESOLV_CONF_PATH) ?? ''),
    resolved: resolved === undefined ? undefined : parseResolvConf(resolved),
    dns: hostConfig.Dns ?? [],
    search: hostConfig.DnsSearch ?? [],
    options: hostConfig.DnsOptions ?? [],
    network: sandbox === undefined ? 'host' : sandbox.embeddedDns ? 'embedded' : 'other',
  })
}

/** `sandbox` undefined: the host's network; then the host's own hosts file is the base. */
export async function writeEtcFiles(
  context: ContainersContext,
  document: ContainerDocument,
  sandbox: Sandbox | undefined,
): Promise<void> {
  const { host } = context
  const { config, hostConfig } = document
  const folder = containerFolder(context.config, document.id)
  const endpoints = Object.values(sandbox?.endpoints ?? {})
  const filled = (value: string | undefined): value is string => value !== undefined && value !== ''
  const hosts = formatHosts({
    hostname: hostnameOf(document),
    domainname: config.Domainname ?? '',
    ipv6: sandbox?.ipv6 ?? true,
    extraHosts: hostConfig.ExtraHosts ?? [],
    hostGateway: sandbox === undefined ? '127.0.0.1' : endpoints.map(({ Gateway }) => Gateway).find(filled),
    addresses: endpoints.flatMap(({ IPAddress, GlobalIPv6Address }) => [IPAddress, GlobalIPv6Address].filter(filled)),
  })
  const own = sandbox === undefined ? (host.files.readTextSync('/etc/hosts') ?? '') : ''
  await Promise.all([
    host.files.writeFile(folder.hosts, own === '' ? hosts : mergeHosts(own, hosts)),
    host.files.writeFile(folder.hostname, `${hostnameOf(document)}\n`),
    host.files.writeFile(folder.resolvConf, resolvConfOf(context, document, sandbox)),
  ])
}

/** The host's file and, after it, the lines of ours that it does not have. */
function mergeHosts(own: string, ours: string): string {
  const known = new Set(own.split('\n'))
  const extra = ours.split('\n').filter((line) => line !== '' && !known.has(line) && !/localhost|ip6-/.test(line))
  return `${own.trimEnd()}\n${extra.map((line) => `${line}\n`).join('')}`
}
