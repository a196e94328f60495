/**
 * network connect and disconnect: the wish in the container's document changes, so that the container comes back with
 * it; when it runs, its open network namespace changes too. Source: moby daemon/container_operations.go.
 */
import { ConflictError, InvalidRequestError, NotFoundError } from '../../errors.ts'
import type { EndpointSettings } from '../../api/types/index.ts'
import { lockKey, type ContainersContext } from './context.ts'
import { parseSharing } from './network-mode.ts'
import type { Container } from './store.ts'

interface KnownNetwork {
  readonly Id: string
  readonly Name: string
  readonly Driver: string
}

/** Of a network, the wish may be filed under its name or its id. */
function wishOf({ document }: Container, { Id, Name }: KnownNetwork): string | undefined {
  return [Name, Id].find((key) => key in document.endpoints)
}

function checkMayConnect({ document }: Container, { Name, Driver }: KnownNetwork): void {
  const { NetworkMode: mode = '' } = document.hostConfig
  if (parseSharing('network mode', mode).kind !== 'own')
    throw new InvalidRequestError(
      `container ${document.name} shares the network of ${mode}: it cannot be connected to any other network`,
    )
  if (mode === 'none' || ['host', 'null'].includes(Driver))
    throw new InvalidRequestError(
      `container ${document.name} cannot be connected to network ${Name}: ${mode === 'none' ? 'its network mode is none' : 'it has no interfaces'}`,
    )
}

/** Throws NotFoundError (network), ConflictError (on it already), InvalidRequestError. */
export async function connectNetwork(
  context: ContainersContext,
  container: Container,
  reference: string,
  settings: EndpointSettings,
): Promise<void> {
  const network: KnownNetwork = await context.networks.inspect(reference)
  await context.locks.run(lockKey(container.id), async () => {
    checkMayConnect(container, network)
    if (container.run !== undefined) await context.networks.connect(network.Id, container.id, settings)
    else if (wishOf(container, network) !== undefined)
      throw new ConflictError(`endpoint with name ${container.document.name} already exists in network ${network.Name}`)
    const { Aliases = null, IPAMConfig = null } = settings
    const endpoints = { ...container.document.endpoints, [network.Name]: { ...settings, Aliases, IPAMConfig } }
    context.store.update(container, { endpoints })
  })
}

/** Throws NotFoundError: no such network, or the container is not on it. */
export async function disconnectNetwork(
  context: ContainersContext,
  container: Container,
  reference: string,
  force: boolean,
): Promise<void> {
  const network: KnownNetwork = await context.networks.inspect(reference)
  await context.locks.run(lockKey(container.id), async () => {
    const wish = wishOf(container, network)
    if (container.run !== undefined) await context.networks.disconnect(network.Id, container.id, force)
    else if (wish === undefined)
      throw new NotFoundError(`container ${container.document.name} is not connected to network ${network.Name}`)
    const { [wish ?? '']: _gone, ...endpoints } = container.document.endpoints
    context.store.update(container, { endpoints })
  })
}

/** Of an endpoint as `inspect` shows it, what its owner may have asked for: a MAC address may be one that we chose. */
function wishIn({ Aliases, IPAMConfig, Links, DriverOpts, GwPriority }: EndpointSettings): EndpointSettings {
  const wish = { Aliases, IPAMConfig, Links, DriverOpts, GwPriority }
  return Object.fromEntries(Object.entries(wish).filter(([, value]) => value !== undefined))
}

/** Of a network that is named by its id; undefined when there is none. */
async function nameOf({ networks }: ContainersContext, reference: string): Promise<string | undefined> {
  try {
    return (await networks.inspect(reference)).Name
  } catch (error) {
    if (error instanceof NotFoundError) return undefined
    throw error
  }
}

/**
 * A connect or disconnect of a running container is two steps, and a crash may come between them. What it has becomes its
 * wish, or it would lose it at its next start; what it wishes and has not (also: somebody deleted the interface) it is
 * given again. Holds the lock; idempotent.
 */
export async function settleNetworks(context: ContainersContext, container: Container): Promise<void> {
  const sandbox = context.networks.sandbox(container.id)
  if (sandbox === undefined) return
  const { endpoints } = container.document
  const unwished = new Set(Object.keys(sandbox.endpoints))
  for (const [reference, wish] of Object.entries(endpoints)) {
    const name = reference in sandbox.endpoints ? reference : await nameOf(context, reference)
    if (name === undefined || unwished.delete(name)) continue
    context.log('info', 'plugging a container into its network again', { container: container.id, network: name })
    await context.networks.connect(name, container.id, wish)
  }
  if (unwished.size === 0) return
  const added = [...unwished].map((name) => [name, wishIn(sandbox.endpoints[name] ?? {})] as const)
  context.store.update(container, { endpoints: { ...endpoints, ...Object.fromEntries(added) } })
}
