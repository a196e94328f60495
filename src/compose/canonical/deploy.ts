/**
 * deploy, gpus, develop and blkio_config. Source: Compose Deploy and Develop Specifications.
 */
import { mapOf, scalarNode, seqNode, textOf, withEntry } from '../node.ts'
import { reject, type Canonicalize } from './context.ts'
import { hostPath } from './paths.ts'
import { hook } from './process.ts'
import { boolean, bytes, duration, integer, number, text } from './scalars.ts'
import { list, oneOrMany, strings, struct } from './shapes.ts'

const count: Canonicalize = (node, context) => (textOf(node) === 'all' ? scalarNode(-1, node) : integer(node, context))

const deviceFields = struct({
  capabilities: list(text),
  count,
  device_ids: list(text),
  driver: text,
  options: strings,
})

/** All devices, unless a number or ids say otherwise. */
const deviceRequest: Canonicalize = (node, context) => {
  const fields = deviceFields(node, context)
  if (fields?.kind !== 'map' || fields.entries.has('count') || fields.entries.has('device_ids')) return fields
  return withEntry(fields, 'count', scalarNode(-1, node))
}

/** "all", or a list of device requests. */
export const gpus: Canonicalize = (node, context) => {
  if (node.kind === 'seq') return list(deviceRequest)(node, context)
  if (textOf(node) !== 'all')
    return reject(node, context, `gpus is "all" or a list, not ${JSON.stringify(textOf(node))}`)
  return seqNode([mapOf({ count: -1 }, node)], node)
}

const update = struct({
  parallelism: integer,
  delay: duration,
  failure_action: text,
  monitor: duration,
  max_failure_ratio: number,
  order: text,
})

export const deploy: Canonicalize = struct({
  mode: text,
  replicas: integer,
  endpoint_mode: text,
  labels: strings,
  placement: struct({
    constraints: list(text),
    preferences: list(struct({ spread: text })),
    max_replicas_per_node: integer,
  }),
  resources: struct({
    limits: struct({ cpus: number, memory: bytes, pids: integer }),
    reservations: struct({
      cpus: number,
      memory: bytes,
      generic_resources: list(struct({ discrete_resource_spec: struct({ kind: text, value: number }) })),
      devices: list(deviceRequest),
    }),
  }),
  restart_policy: struct({ condition: text, delay: duration, max_attempts: integer, window: duration }),
  rollback_config: update,
  update_config: update,
})

export const develop: Canonicalize = struct({
  watch: list(
    struct({
      path: hostPath,
      action: text,
      target: text,
      ignore: oneOrMany(text),
      include: oneOrMany(text),
      initial_sync: boolean,
      exec: hook,
    }),
  ),
})

const bytesRate = list(struct({ path: text, rate: bytes }))
const operationsRate = list(struct({ path: text, rate: integer }))

export const blkioConfig: Canonicalize = struct({
  weight: integer,
  weight_device: list(struct({ path: text, weight: integer })),
  device_read_bps: bytesRate,
  device_write_bps: bytesRate,
  device_read_iops: operationsRate,
  device_write_iops: operationsRate,
})
