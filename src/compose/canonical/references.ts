/**
 * References to services and hosts: depends_on, networks, models, links, volumes_from, extra_hosts.
 * Source: Compose Specification, the attributes of the same names.
 */
import { isNull, mapOf, scalarNode, seqNode, textOf, type Node } from '../node.ts'
import { reject, type Canonicalize } from './context.ts'
import { boolean, integer, text } from './scalars.ts'
import { list, mapNullable, mapValues, namesToMap, struct, strings } from './shapes.ts'

const dependency = struct({ condition: text, restart: boolean, required: boolean })

/** A list means { condition: service_started, required: true }; what a mapping leaves out is filled in later. */
export const dependsOn: Canonicalize = (node, context) => {
  const map = namesToMap(node, (item) => mapOf({ condition: 'service_started', required: true }, item))
  return dependencies(map, context)
}

const dependencies = mapValues((value, context) => (isNull(value) ? mapOf({}, value) : dependency(value, context)))

const endpoints = mapNullable(
  struct({
    aliases: list(text),
    interface_name: text,
    ipv4_address: text,
    ipv6_address: text,
    link_local_ips: list(text),
    mac_address: text,
    driver_opts: strings,
    gw_priority: integer,
    priority: integer,
  }),
)

export const serviceNetworks: Canonicalize = (node, context) =>
  endpoints(
    namesToMap(node, (item) => scalarNode(null, item)),
    context,
  )

const bindings = mapNullable(struct({ endpoint_var: text, model_var: text }))

export const serviceModels: Canonicalize = (node, context) =>
  bindings(
    namesToMap(node, (item) => scalarNode(null, item)),
    context,
  )

/** "service[:alias]" */
export const link: Canonicalize = (node, context) => {
  const [service = '', alias = service, ...more] = (textOf(node) ?? '').split(':')
  if (service === '' || alias === '' || more.length > 0) {
    return reject(node, context, `invalid link ${JSON.stringify(textOf(node))}`, 'forms: "service", "service:alias"')
  }
  return mapOf({ service, alias }, node)
}

/** "service[:ro|rw]" or "container:name[:ro|rw]" */
export const volumesFrom: Canonicalize = (node, context) => {
  const parts = (textOf(node) ?? '').split(':')
  const kind = parts[0] === 'container' && parts.length > 1 ? 'container' : 'service'
  const [name = '', mode = 'rw', ...more] = kind === 'container' ? parts.slice(1) : parts
  if (name === '' || (mode !== 'ro' && mode !== 'rw') || more.length > 0) {
    const hint = 'forms: "service", "service:ro", "container:name:ro"'
    return reject(node, context, `invalid volumes_from ${JSON.stringify(textOf(node))}`, hint)
  }
  return mapOf({ kind, name, read_only: mode === 'ro' }, node)
}

/** "host=ip[,ip]", "host:ip" (IPv6 with or without brackets), or a mapping host -> ip or list of them. */
export const extraHosts: Canonicalize = (node, context) => {
  const pairs: [string, string, Node][] = []
  if (node.kind === 'map') {
    for (const [host, { value }] of node.entries) {
      for (const item of value.kind === 'seq' ? value.items : [value]) pairs.push([host, textOf(item) ?? '', item])
    }
  } else if (node.kind === 'seq') {
    for (const item of node.items) {
      const written = textOf(item) ?? ''
      const match = /^([^=:]*)[=:](.*)$/s.exec(written)
      if (match === null)
        reject(item, context, `invalid extra host ${JSON.stringify(written)}`, 'forms: "name=10.0.0.1", "name=::1"')
      else pairs.push([match[1] ?? '', match[2] ?? '', item])
    }
  }
  const items: Node[] = []
  for (const [host, ipText, at] of pairs) {
    for (const part of ipText.split(',')) {
      const ip = part.trim().replace(/^\[(.*)\]$/, '$1')
      if (host.trim() === '' || ip === '') reject(at, context, `the extra host "${host}" lacks a name or an address`)
      else items.push(mapOf({ host: host.trim(), ip }, at))
    }
  }
  return seqNode(items, node)
}
