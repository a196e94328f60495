/**
 * Networks that a running container is connected to or disconnected from by hand become part of its document, so that it
 * comes back with them. The network service tells by events; those of a start or an end are not meant.
 */
import type { EventMessage } from '../../api/types/index.ts'
import type { ContainersContext } from './context.ts'

/** The result stops it. */
export function followNetworks(context: ContainersContext): () => void {
  const onEvent = ({ Type, Action, Actor }: EventMessage): void => {
    if (Type !== 'network' || (Action !== 'connect' && Action !== 'disconnect')) return
    const container = context.store.byId(Actor.Attributes['container'] ?? '')
    const name = Actor.Attributes['name'] ?? ''
    if (container?.run === undefined || container.isEnding || name === '') return
    const { [name]: known, ...others } = container.document.endpoints
    if (Action === 'disconnect' && known !== undefined) context.store.update(container, { endpoints: others })
    if (Action === 'connect' && known === undefined) {
      const { Aliases = null, IPAMConfig = null } = context.networks.sandbox(container.id)?.endpoints[name] ?? {}
      context.store.update(container, { endpoints: { ...others, [name]: { Aliases, IPAMConfig } } })
    }
  }
  return context.events.subscribe(onEvent)
}
