/**
 * build: a context path, or the mapping. Source: Compose Build Specification.
 */
import { isRemote } from '../paths.ts'
import { entryAt, mapNode, mapOf, scalarNode, textOf, type Entry, type Node } from '../node.ts'
import type { CanonicalContext, Canonicalize } from './context.ts'
import { buildSecret } from './files.ts'
import { absolute, pathOrUrl } from './paths.ts'
import { ulimits } from './process.ts'
import { extraHosts } from './references.ts'
import { boolean, bytes, text } from './scalars.ts'
import { list, oneOrMany, strings, struct, variables } from './shapes.ts'

/** "default", "id", "id=path", as a list or a mapping. */
const ssh: Canonicalize = (node, context) => {
  const map = strings(node.kind === 'scalar' ? { ...node, kind: 'seq', items: [node] } : node, context)
  return map === undefined ? undefined : absoluteValues(map, context)
}

const additionalContexts: Canonicalize = (node, context) => {
  const map = strings(node, context)
  return map === undefined ? undefined : absoluteValues(map, context)
}

/** Paths among the values become absolute; "", URLs and "service:x" stay. */
function absoluteValues(node: Node, context: CanonicalContext): Node {
  if (node.kind !== 'map') return node
  const entries = new Map<string, Entry>()
  for (const [key, entry] of node.entries) {
    const written = textOf(entry.value) ?? ''
    const path = written === '' || isRemote(written) ? written : absolute(written, context)
    entries.set(key, entryAt(entry, scalarNode(path, entry.value)))
  }
  return mapNode(entries, node)
}

const fields = struct({
  context: pathOrUrl,
  dockerfile: text,
  dockerfile_inline: text,
  args: variables,
  additional_contexts: additionalContexts,
  cache_from: list(text),
  cache_to: list(text),
  entitlements: list(text),
  extra_hosts: extraHosts,
  isolation: text,
  labels: strings,
  network: text,
  no_cache: boolean,
  no_cache_filter: oneOrMany(text),
  platforms: list(text),
  privileged: boolean,
  provenance: text,
  pull: boolean,
  sbom: text,
  secrets: list(buildSecret),
  shm_size: bytes,
  ssh,
  tags: list(text),
  target: text,
  ulimits,
})

export const build: Canonicalize = (node, context) =>
  fields(node.kind === 'map' ? node : mapOf({ context: textOf(node) ?? '' }, node), context)
