/**
 * healthcheck, restart, logging, hooks and ulimits. Source: Compose Specification, the attributes of the same names.
 */
import { nearestName } from '../../edit-distance.ts'
import { isNull, mapOf, seqNode, scalarNode, textOf, withEntry } from '../node.ts'
import { command } from './command.ts'
import { reject, type Canonicalize } from './context.ts'
import { boolean, duration, integer, text } from './scalars.ts'
import { list, mapValues, strings, struct, variables } from './shapes.ts'

/** A string means CMD-SHELL; a list starts with NONE, CMD or CMD-SHELL; an empty one keeps the image's. */
const test: Canonicalize = (node, context) => {
  if (node.kind !== 'seq') {
    const line = textOf(node) ?? ''
    const words = line === '' ? [] : ['CMD-SHELL', line]
    return seqNode(
      words.map((word) => scalarNode(word, node)),
      node,
    )
  }
  const [head] = node.items
  if (head !== undefined && !['NONE', 'CMD', 'CMD-SHELL'].includes(textOf(head) ?? '')) {
    const message = `a health check test starts with NONE, CMD or CMD-SHELL, not ${JSON.stringify(textOf(head))}`
    return reject(head, context, message, `write ["CMD", ${JSON.stringify(textOf(head))}, ...]`)
  }
  return list(text)(node, context)
}

const healthcheckFields = struct({
  test,
  interval: duration,
  timeout: duration,
  start_period: duration,
  start_interval: duration,
  retries: integer,
  disable: boolean,
})

/** `test: null` in an override takes the test of the base away: null is a value here. */
export const healthcheck: Canonicalize = (node, context) => {
  const canonical = healthcheckFields(node, context)
  const entry = node.kind === 'map' ? node.entries.get('test') : undefined
  if (canonical?.kind !== 'map' || entry === undefined || canonical.entries.has('test')) return canonical
  return isNull(entry.value) ? withEntry(canonical, 'test', entry.value) : canonical
}

const RESTART_NAMES: readonly string[] = ['no', 'always', 'on-failure', 'unless-stopped']

/** "no", "always", "unless-stopped", "on-failure[:N]" */
export const restart: Canonicalize = (node, context) => {
  // An unquoted `no` is a string here, but `false` is what YAML 1.1 makes of it.
  const written = node.kind === 'scalar' && node.value === false ? 'no' : (textOf(node) ?? '')
  const [name = '', retries, ...more] = written.split(':')
  const known = RESTART_NAMES.includes(name)
  const retriesAllowed = retries === undefined || (name === 'on-failure' && /^\d+$/.test(retries))
  if (!known || !retriesAllowed || more.length > 0) {
    const nearest = nearestName(name, RESTART_NAMES)
    const hint =
      nearest === undefined || known ? `one of ${RESTART_NAMES.join(', ')}, on-failure:3` : `did you mean "${nearest}"?`
    return reject(node, context, `invalid restart policy ${JSON.stringify(written)}`, hint)
  }
  return mapOf({ name, max_retries: retries === undefined ? undefined : Number(retries) }, node)
}

export const logging: Canonicalize = struct({ driver: text, options: strings })

const hookFields = {
  command,
  user: text,
  privileged: boolean,
  working_dir: text,
  environment: variables,
}

export const hook: Canonicalize = struct(hookFields)
export const preStartHook: Canonicalize = struct({ ...hookFields, image: text, per_replica: boolean })

/** name -> number for both limits, or { soft, hard }. */
export const ulimits: Canonicalize = mapValues((node, context) => {
  if (node.kind === 'map') return struct({ soft: integer, hard: integer })(node, context)
  const value = integer(node, context)
  return value === undefined ? undefined : mapOf({ soft: value, hard: value }, node)
})

/** A CPU set: "0-3", "0,1". */
export const cpuset: Canonicalize = (node, context) => {
  const written = textOf(node) ?? ''
  if (written === '' || /^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(written)) return scalarNode(written, node)
  return reject(node, context, `invalid CPU set ${JSON.stringify(written)}`, 'forms: "0-3", "0,2"')
}
