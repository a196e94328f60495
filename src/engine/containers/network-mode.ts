/** PURE: HostConfig.NetworkMode, PidMode and IpcMode, and the wish that goes to the network service. */
import { InvalidRequestError } from '../../errors.ts'
import type { ContainerConfig, EndpointSettings, HostConfig } from '../../api/types/index.ts'
import type { SandboxRequest } from '../services/index.ts'
import type { ContainerDocument } from '../../state/containers.ts'

/** "host", "container:X", or a namespace of its own. */
export type Sharing =
  | { readonly kind: 'own' }
  | { readonly kind: 'host' }
  | { readonly kind: 'container'; readonly container: string }

export function parseSharing(what: string, mode: string | undefined): Sharing {
  const text = mode ?? ''
  if (text === 'host') return { kind: 'host' }
  if (text.startsWith('container:')) {
    const container = text.slice('container:'.length)
    if (container === '') throw new InvalidRequestError(`invalid ${what}: ${text}`)
    return { kind: 'container', container }
  }
  if (what === 'pid mode' && text !== '' && text !== 'private')
    throw new InvalidRequestError(`Invalid PID mode: ${text}`)
  if (what === 'ipc mode' && !['', 'private', 'shareable', 'none'].includes(text))
    throw new InvalidRequestError(`Invalid IPC mode: ${text}`)
  return { kind: 'own' }
}

/** Docker's name of the network that a container joins when nothing is said. */
export const DEFAULT_NETWORK = 'bridge'

/** The docker CLI names the mode as an endpoint too: "default" is the bridge, "host" and "none" are no networks to join. */
function namedNetworks(mode: string, endpoints: Readonly<Record<string, EndpointSettings>>): typeof endpoints {
  return Object.fromEntries(
    Object.entries(endpoints)
      .filter(([name]) => name === 'default' || name !== mode || !isModeOnly(mode))
      .map(([name, settings]) => [name === 'default' ? DEFAULT_NETWORK : name, settings]),
  )
}

const isModeOnly = (mode: string): boolean => mode === 'none' || parseSharing('network mode', mode).kind !== 'own'

/** Network name -> wish, from both places of a create request. */
export function wantedEndpoints(
  host: HostConfig,
  requested: Readonly<Record<string, EndpointSettings>>,
): Readonly<Record<string, EndpointSettings>> {
  const mode = host.NetworkMode ?? 'default'
  const endpoints = namedNetworks(mode, requested)
  const sharing = parseSharing('network mode', mode)
  if (sharing.kind !== 'own') {
    if (Object.keys(endpoints).length > 0)
      throw new InvalidRequestError(
        'conflicting options: cannot attach both user-defined and non-user-defined network-modes',
      )
    return {}
  }
  if (mode === 'none') return {}
  const main = mode === 'default' || mode === '' ? DEFAULT_NETWORK : mode
  if (endpoints[main] !== undefined) return endpoints
  // the mode alone, or the main network beside others that were named
  if (mode === 'default' || mode === '') return Object.keys(endpoints).length > 0 ? endpoints : { [main]: {} }
  return { [main]: {}, ...endpoints }
}

export function hostnameOf({ id, config }: Pick<ContainerDocument, 'id' | 'config'>): string {
  return config.Hostname === undefined || config.Hostname === '' ? id.slice(0, 12) : config.Hostname
}

export function checkHostname(config: ContainerConfig): void {
  const { Hostname = '', Domainname = '' } = config
  const valid = /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$/
  for (const name of [Hostname, Domainname])
    if (name !== '' && (!valid.test(name) || name.length > 64))
      throw new InvalidRequestError(`invalid hostname format: ${name}`)
}

export function sandboxRequest(document: Omit<ContainerDocument, 'state'>): SandboxRequest {
  const { id, name, config, hostConfig, endpoints } = document
  return {
    containerId: id,
    containerName: name,
    hostname: hostnameOf(document),
    endpoints,
    portBindings: hostConfig.PortBindings ?? {},
    publishAll: hostConfig.PublishAllPorts ?? false,
    exposedPorts: Object.keys(config.ExposedPorts ?? {}),
    dns: hostConfig.Dns ?? [],
  }
}
