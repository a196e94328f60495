/**
 * Files in a service: secrets, configs, env_file, label_file, devices, tmpfs.
 * Source: Compose Specification, the attributes of the same names.
 */
import { mapOf, scalarNode, textOf, withEntry, child, type MapNode } from '../node.ts'
import { reject, type Canonicalize } from './context.ts'
import { absolute, hostPath } from './paths.ts'
import { boolean, fileMode, text } from './scalars.ts'
import { oneOrMany, struct } from './shapes.ts'

const fileFields = struct({ source: text, target: text, uid: text, gid: text, mode: fileMode })

/** A name, or { source, target, uid, gid, mode }. The target becomes absolute below `folder`. */
function serviceFile(folder: string): Canonicalize {
  return (node, context) => {
    if (node.kind !== 'map') {
      const source = textOf(node) ?? ''
      if (source === '') return reject(node, context, 'the name is empty')
      return mapOf({ source, target: inside(folder, source) }, node)
    }
    const fields = fileFields(node, context) as MapNode
    const sourceNode = child(fields, 'source')
    if (sourceNode === undefined) return reject(node, context, 'the key "source" is missing')
    const targetNode = child(fields, 'target')
    const target = inside(folder, textOf(targetNode ?? sourceNode) ?? '')
    return withEntry(fields, 'target', scalarNode(target, targetNode ?? sourceNode))
  }
}

function inside(folder: string, path: string): string {
  return path.startsWith('/') ? path : `${folder}/${path}`
}

export const serviceSecret: Canonicalize = serviceFile('/run/secrets')
export const serviceConfig: Canonicalize = serviceFile('')

/** In a build the target is an id, not a path. */
export const buildSecret: Canonicalize = (node, context) => {
  const source = textOf(node)
  if (source !== undefined) return mapOf({ source, target: source }, node)
  const fields = fileFields(node, context) as MapNode
  const sourceNode = child(fields, 'source')
  if (sourceNode === undefined) return reject(node, context, 'the key "source" is missing')
  return child(fields, 'target') === undefined ? withEntry(fields, 'target', sourceNode) : fields
}

/** A path, or { path, required, format }. */
export const envFiles: Canonicalize = oneOrMany((node, context) => {
  if (node.kind !== 'map') return mapOf({ path: absolute(textOf(node) ?? '', context) }, node)
  const fields = struct({ path: hostPath, required: boolean, format: text })(node, context) as MapNode
  const format = child(fields, 'format')
  if (format === undefined || ['', 'raw'].includes(textOf(format) ?? '')) return fields
  return reject(format, context, `unknown env_file format ${JSON.stringify(textOf(format))}`, 'raw, or leave it out')
})

export const labelFiles: Canonicalize = oneOrMany(hostPath)

/** "host[:container[:permissions]]", a CDI name "vendor/class=name", or { source, target, permissions }. */
export const device: Canonicalize = (node, context) => {
  if (node.kind === 'map') {
    const fields = struct({ source: text, target: text, permissions: text })(node, context) as MapNode
    const source = textOf(child(fields, 'source')) ?? ''
    const target = textOf(child(fields, 'target')) ?? source
    const permissions = textOf(child(fields, 'permissions')) ?? 'rwm'
    const extensions = [...fields.entries].filter(([key]) => key.startsWith('x-'))
    const canonical = mapOf({ source, target, permissions }, node)
    return checkDevice({ ...canonical, entries: new Map([...canonical.entries, ...extensions]) }, permissions, context)
  }
  const written = textOf(node) ?? ''
  if (/^[^/:]+\/[^=:]+=.+$/.test(written)) {
    return mapOf({ source: written, target: written, permissions: 'rwm' }, node)
  }
  const [source = '', second = source, third, ...more] = written.split(':')
  if (source === '' || more.length > 0) {
    return reject(node, context, `invalid device ${JSON.stringify(written)}`, 'forms: "/dev/x", "/dev/x:/dev/y:rwm"')
  }
  const secondIsMode = third === undefined && /^[rwm]{1,3}$/.test(second)
  const permissions = secondIsMode ? second : (third ?? 'rwm')
  return checkDevice(mapOf({ source, target: secondIsMode ? source : second, permissions }, node), permissions, context)
}

function checkDevice(node: MapNode, permissions: string, context: Parameters<Canonicalize>[1]): MapNode | undefined {
  if (/^[rwm]{1,3}$/.test(permissions)) return node
  return reject(node, context, `invalid device permissions ${JSON.stringify(permissions)}`, 'letters of "rwm"')
}

/** "/path[:options]" */
export const tmpfs: Canonicalize = oneOrMany((node, context) => {
  const written = textOf(node) ?? ''
  if (written.startsWith('/')) return scalarNode(written, node)
  return reject(node, context, `the tmpfs ${JSON.stringify(written)} is not an absolute path`, 'form: "/path:size=64m"')
})
