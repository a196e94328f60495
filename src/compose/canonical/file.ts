/**
 * A whole file, and its top-level networks, volumes, secrets, configs and models.
 * Source: Compose Specification, the top-level elements.
 */
import { child, isNull, mapNode, mapOf, scalarNode, textOf, withEntry, type MapNode, type Node } from '../node.ts'
import type { CanonicalContext, Canonicalize } from './context.ts'
import { hostPath } from './paths.ts'
import { boolean, integer, text } from './scalars.ts'
import { list, mapValues, strings, struct } from './shapes.ts'
import { service } from './service.ts'

/** `external: { name: x }` is the old form of `external: true` with `name: x`. */
function resource(fields: Readonly<Record<string, Canonicalize>>): Canonicalize {
  const canonicalize = struct(fields)
  return (node, context) => {
    if (isNull(node)) return mapNode(new Map(), node)
    const external = child(node, 'external')
    if (node.kind !== 'map' || external?.kind !== 'map') return canonicalize(node, context)
    let changed: MapNode = withEntry(node, 'external', scalarNode(true, external))
    const name = child(external, 'name')
    if (name !== undefined && child(node, 'name') === undefined) changed = withEntry(changed, 'name', name)
    return canonicalize(changed, context)
  }
}

const common = { name: text, external: boolean, labels: strings, driver: text, driver_opts: strings }

const network = resource({
  ...common,
  enable_ipv4: boolean,
  enable_ipv6: boolean,
  internal: boolean,
  attachable: boolean,
  ipam: struct({
    driver: text,
    options: strings,
    config: list(struct({ subnet: text, ip_range: text, gateway: text, aux_addresses: strings })),
  }),
})

/** A local volume that is a bind mount has a path of the host among its options. */
const volume: Canonicalize = (node, context) => {
  const canonical = resource(common)(node, context)
  const options = child(canonical, 'driver_opts')
  const device = child(options, 'device')
  if (canonical?.kind !== 'map' || options?.kind !== 'map' || device === undefined) return canonical
  const isBind = (textOf(child(options, 'o')) ?? '')
    .split(',')
    .some((option) => option === 'bind' || option === 'rbind')
  const path = isBind ? hostPath(device, context) : undefined
  return path === undefined ? canonical : withEntry(canonical, 'driver_opts', withEntry(options, 'device', path))
}

const fileObject = resource({ ...common, file: hostPath, environment: text, content: text, template_driver: text })

const SECTIONS: Readonly<Record<string, Canonicalize>> = {
  version: text,
  name: text,
  services: mapValues((node, context) => service(isNull(node) ? mapOf({}, node) : node, context)),
  networks: mapValues(network),
  volumes: mapValues(volume),
  secrets: mapValues(fileObject),
  configs: mapValues(fileObject),
  models: mapValues(struct({ model: text, name: text, context_size: integer, runtime_flags: list(text) })),
}

const sections = struct(SECTIONS)

/** The canonical tree of one file. */
export function canonicalFile(node: MapNode, context: CanonicalContext): MapNode {
  const canonical: Node | undefined = sections(node, context)
  return canonical?.kind === 'map' ? canonical : node
}
