/** What steps have left: found by key, valid as long as the layer is there, counted when used. */
import type { EngineBase } from '../../context.ts'
import { deleteBuildRecord, findBuildRecord, saveBuildRecord, type BuildRecord } from '../../../state/builds.ts'
import { findLayer, type LayerRecord } from '../../../state/layers.ts'

type Base = Pick<EngineBase, 'state' | 'host'>

/** What an earlier run of the same step has left; undefined: nothing that is still there. */
export function findStep({ state }: Base, key: string): BuildRecord | undefined {
  const record = findBuildRecord(state, key)
  if (record === undefined) return undefined
  if (record.layer === undefined || findLayer(state, record.layer) !== undefined) return record
  deleteBuildRecord(state, key)
  return undefined
}

export interface NewStep {
  readonly key: string
  readonly description: string
  readonly below: string | undefined
  /** Undefined: a cache from elsewhere says that it changed nothing. */
  readonly layer: LayerRecord | undefined
  /** RFC 3339, when it ran elsewhere; undefined: now. */
  readonly created: string | undefined
}

/** In the transaction that brings the layer. Returns the record. */
export function recordStep({ state, host }: Base, { key, description, below, layer, created }: NewStep): BuildRecord {
  const record: BuildRecord = {
    key,
    description,
    below,
    layer: layer?.chainId,
    sizeBytes: layer?.sizeBytes ?? 0,
    created: created ?? host.clock.nowRfc3339(),
    usedAtMs: host.clock.nowMs(),
    usageCount: 1,
  }
  saveBuildRecord(state, record)
  return record
}

/** Those that a build found and used, at its end: one transaction for all. */
export function touchSteps({ state, host }: Base, keys: readonly string[]): void {
  const usedAtMs = host.clock.nowMs()
  state.transaction(() => {
    for (const key of keys) {
      const record = findBuildRecord(state, key)
      if (record !== undefined) saveBuildRecord(state, { ...record, usedAtMs, usageCount: record.usageCount + 1 })
    }
  })
}
