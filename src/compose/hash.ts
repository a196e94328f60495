/**
 * The config hash of a service or resource: what decides whether a container is recreated. Source: docker compose,
 * label com.docker.compose.config-hash (the same attributes count; the value is our own).
 */
import { createHash } from 'node:crypto'
import { isRecord } from './draft.ts'
import type { Network, Service, Volume } from './model.ts'

/**
 * sha256 (hex) of the service without build, pull_policy, scale, deploy.replicas, depends_on and profiles.
 * `references` replaces "service:X" in network_mode, ipc, pid, uts and cgroup by the containers that they mean now.
 */
export function serviceHash(service: Service, references: Readonly<Record<string, string>> = {}): string {
  const { build: _build, pullPolicy: _pull, pullRefreshAfter: _refresh, scale: _scale, ...rest } = service
  const { dependsOn: _dependsOn, profiles: _profiles, develop: _develop, deploy, ...hashed } = rest
  const { replicas: _replicas, ...deployed } = deploy ?? {}
  const resolved: Record<string, unknown> = { ...hashed, deploy: deployed }
  for (const key of ['networkMode', 'ipc', 'pid', 'uts', 'cgroup'] as const) {
    const value = service[key]
    if (value !== undefined && Object.hasOwn(references, value)) resolved[key] = references[value]
  }
  return sha256(resolved)
}

/** Of what would make another network. */
export function networkHash(network: Network): string {
  return sha256(network)
}

export function volumeHash(volume: Volume): string {
  return sha256(volume)
}

function sha256(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(value)))
    .digest('hex')
}

/** Mappings by key; absent and empty are the same, so that a new optional attribute does not change old hashes. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isRecord(value)) return value
  const entries = Object.entries(value)
    .map(([key, inner]) => [key, sorted(inner)] as const)
    .filter(([, inner]) => inner !== undefined && !isEmptyCollection(inner))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries)
}

function isEmptyCollection(value: unknown): boolean {
  return isRecord(value) && Object.keys(value).length === 0
}
