/**
 * A service's volumes: short syntax `[source:]target[:options]` and the long one, as a union by type.
 * Source: Compose Specification, "volumes".
 */
import { cleanPath, isWindowsPath } from '../paths.ts'
import { child, entryAt, mapNode, mapOf, scalarNode, textOf, type Entry, type MapNode, type Node } from '../node.ts'
import { reject, type CanonicalContext, type Canonicalize } from './context.ts'
import { absolute } from './paths.ts'
import { boolean, bytes, fileMode, text } from './scalars.ts'
import { strings, struct } from './shapes.ts'

const FORMS = 'forms: "data:/path", "./folder:/path:ro", "/path"'
const PROPAGATIONS: ReadonlySet<string> = new Set(['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'])

export const volume: Canonicalize = (node, context) =>
  node.kind === 'map' ? longVolume(node, context) : shortVolume(node, context)

interface ShortParts {
  readonly source?: string
  readonly target: string
  readonly options: readonly string[]
}

/** undefined when there are more parts than the syntax has. */
function splitShort(written: string): ShortParts | undefined {
  const parts = written.split(':')
  // A Windows drive letter belongs to its path; "v:/x:ro" is a volume with a short name.
  const isDrive =
    /^[a-zA-Z]$/.test(parts[0] ?? '') && (parts[1]?.startsWith('\\') === true || parts[2]?.startsWith('/') === true)
  if (isDrive) parts.splice(0, 2, `${parts[0]}:${parts[1]}`)
  const second = parts[1] ?? ''
  if (/^[a-zA-Z]$/.test(second) && parts[2]?.startsWith('\\') === true) parts.splice(1, 2, `${second}:${parts[2]}`)
  const [first = '', next, third, ...more] = parts
  if (more.length > 0 || parts.some((part) => part === '')) return undefined
  if (next === undefined) return { target: first, options: [] }
  if (third === undefined && !next.startsWith('/') && areOptions(next)) {
    return { target: first, options: next.split(',') }
  }
  return { source: first, target: next, options: third?.split(',') ?? [] }
}

function areOptions(written: string): boolean {
  return written.split(',').every((option) => isKnownOption(option))
}

function isKnownOption(option: string): boolean {
  return (
    ['ro', 'rw', 'z', 'Z', 'nocopy', 'cached', 'delegated', 'consistent'].includes(option) || PROPAGATIONS.has(option)
  )
}

/** docker takes a source that begins so for a path; anything else names a volume. */
function isPathSource(source: string): boolean {
  return /^[./~]/.test(source) || isWindowsPath(source)
}

/** Of a Windows container too: the engine refuses it, the file is right. */
function isAbsoluteTarget(target: string): boolean {
  return target.startsWith('/') || isWindowsPath(target)
}

function shortVolume(node: Node, context: CanonicalContext): Node | undefined {
  const written = textOf(node) ?? ''
  const parts = splitShort(written)
  if (parts === undefined || written === '') {
    return reject(node, context, `invalid volume ${JSON.stringify(written)}`, FORMS)
  }
  const { source, target, options } = parts
  const unknown = options.find((option) => !isKnownOption(option))
  if (unknown !== undefined) {
    return reject(
      node,
      context,
      `unknown option "${unknown}" of volume ${JSON.stringify(written)}`,
      'options: ro, rw, z, Z, nocopy, rshared, ...',
    )
  }
  if (!isAbsoluteTarget(target)) {
    return reject(
      node,
      context,
      `the target "${target}" of volume ${JSON.stringify(written)} is not an absolute path`,
      FORMS,
    )
  }
  const isBind = source !== undefined && isPathSource(source)
  return mapOf(
    {
      type: isBind ? 'bind' : 'volume',
      source: source !== undefined && isBind ? absolute(source, context) : source,
      target: cleanPath(target),
      read_only: options.includes('ro') ? true : undefined,
      consistency: options.find((option) => ['cached', 'delegated', 'consistent'].includes(option)),
      bind: isBind ? bindOptions(options, node) : undefined,
      volume: isBind ? undefined : mapOf({ nocopy: options.includes('nocopy') ? true : undefined }, node),
    },
    node,
  )
}

function bindOptions(options: readonly string[], node: Node): MapNode {
  const values = {
    propagation: options.find((option) => PROPAGATIONS.has(option)),
    create_host_path: true,
    selinux: options.find((option) => option === 'z' || option === 'Z'),
  }
  return mapOf(values, node)
}

const longFields = struct({
  type: text,
  source: text,
  target: text,
  read_only: boolean,
  consistency: text,
  bind: struct({ propagation: text, create_host_path: boolean, recursive: text, selinux: text }),
  volume: struct({ nocopy: boolean, subpath: text, labels: strings }),
  tmpfs: struct({ size: bytes, mode: fileMode }),
  image: struct({ subpath: text }),
})

const OPTION_KEYS = ['bind', 'volume', 'tmpfs', 'image'] as const

function longVolume(node: MapNode, context: CanonicalContext): Node | undefined {
  const fields = longFields(node, context)
  if (fields?.kind !== 'map') return undefined
  const type = textOf(child(fields, 'type')) ?? ''
  const sourceNode = child(fields, 'source')
  const source = textOf(sourceNode) ?? ''
  const targetNode = child(fields, 'target') ?? node
  const target = textOf(targetNode) ?? ''
  if (!isAbsoluteTarget(target)) return reject(targetNode, context, `the target "${target}" is not an absolute path`)
  if ((type === 'bind' || type === 'image') && source === '')
    return reject(node, context, `a mount of type ${type} needs a source`)
  if (type === 'tmpfs' && source !== '')
    return reject(sourceNode ?? node, context, 'a mount of type tmpfs has no source')
  const wrong = OPTION_KEYS.find((key) => key !== type && fields.entries.has(key))
  // docker compose takes foreign options in silence; they would have no effect.
  if (wrong !== undefined) {
    const origin = fields.entries.get(wrong)
    const message = `"${wrong}" has no effect on a mount of type ${type}`
    context.problems.warn(origin, { code: 'NO_EFFECT', message })
  }
  const entries = new Map<string, Entry>()
  for (const [key, entry] of fields.entries) {
    if (key !== type && (OPTION_KEYS as readonly string[]).includes(key)) continue
    entries.set(key, entry)
  }
  const set = (key: string, value: Node): void => {
    entries.set(key, entryAt(entries.get(key) ?? value, value))
  }
  set('target', scalarNode(cleanPath(target), targetNode))
  if (type === 'bind') set('source', scalarNode(absolute(source, context), sourceNode ?? node))
  if (type === 'volume' && source === '') entries.delete('source')
  return mapNode(entries, node)
}
