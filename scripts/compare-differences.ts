/**
 * The differences between docker compose's `config` and ours that are meant: each has a row, with its reason, in the
 * table of src/compose/README.md; a test holds the two to each other.
 */
import type { Difference, Outcome } from './compare-config.ts'

interface Explanation {
  /** Names the row of the table. */
  readonly id: string
  readonly matches: (difference: Difference) => boolean
}

interface ExplainedVerdict {
  readonly id: string
  readonly kind: Outcome['kind']
  /** Of the message of the one that refuses. */
  readonly reason: RegExp
}

const EXPLANATIONS: readonly Explanation[] = [
  {
    id: 'empties',
    matches: ({ docker, ours }) => (isEmpty(docker) && ours === undefined) || (isEmpty(ours) && docker === undefined),
  },
  {
    id: 'zeros',
    matches: ({ path, docker, ours }) =>
      docker === undefined &&
      (ours === false ||
        (path.endsWith('.pids_limit') && ours === 0) ||
        (path.endsWith('.tmpfs.size') && ours === '0')),
  },
  {
    id: 'spelling',
    matches: ({ docker, ours }) => docker === `${String(ours)}/` || docker === `${String(ours)}:rw`,
  },
  { id: 'extensions', matches: ({ path, docker }) => /\.x-[^.]+$/.test(path) && docker === undefined },
  { id: 'credential-spec', matches: ({ path }) => path.endsWith('.credential_spec.file') },
  { id: 'targets', matches: ({ path }) => /\.(secrets|configs)\[\d+\]\.target$/.test(path) },
  {
    id: 'create_host_path',
    matches: ({ path, docker, ours }) =>
      (path.endsWith('.bind.create_host_path') && docker === undefined && ours === true) ||
      (/\.volumes\[\d+\]\.bind$/.test(path) && docker === undefined),
  },
  { id: 'empty-hook', matches: ({ path, ours }) => /\.watch\[\d+\]\.exec$/.test(path) && ours === undefined },
  { id: 'models', matches: ({ path, docker }) => path === 'models' && docker === undefined },
  { id: 'keys-with-dollars', matches: ({ path }) => /\.(labels|environment)\.[^.]*\$/.test(path) },
  {
    id: 'reset-in-lists',
    matches: ({ path, docker, ours }) =>
      /\.environment\.\w+$/.test(path) && typeof docker === 'string' && ours === undefined,
  },
  { id: 'blkio-keys', matches: ({ path }) => /\.blkio_config\.[a-z_]+\[\d+\]\.(path|rate|weight)$/i.test(path) },
]

const VERDICTS: readonly ExplainedVerdict[] = [
  { id: 'newer', kind: 'onlyDockerRefuses', reason: /'(pre_start|no_cache_filter|per_replica)' not allowed/ },
  { id: 'ssh-json', kind: 'onlyDockerRefuses', reason: /MarshalJSON for type types\.SSHKey/ },
  { id: 'x-service', kind: 'onlyDockerRefuses', reason: /undefined network #extensions/ },
  { id: 'alias-cycle', kind: 'onlyDockerRefuses', reason: /cycle detected: node at path/ },
  { id: 'include-conflicts', kind: 'onlyDockerRefuses', reason: /conflicts with imported resource/ },
  {
    id: 'half-limits',
    kind: 'onlyDockerRefuses',
    reason: /can't set distinct values on '(cpus|mem_limit|mem_reservation|pids_limit)'/,
  },
  {
    id: 'scalars',
    kind: 'onlyDockerRefuses',
    reason:
      /must be an? (string|boolean|number|integer)$|got unconvertible type '(string|int|bool)'|unexpected type int$/,
  },
  { id: 'unused-defaults', kind: 'onlyDockerRefuses', reason: /required variable \w+ is missing a value/ },
  { id: 'cpu-times', kind: 'onlyDockerRefuses', reason: /\.cpu_\w+: failed to cast to expected type/ },
  { id: 'no-swap-limit', kind: 'onlyDockerRefuses', reason: /\.memswap_limit' invalid size: '-1'/ },
  { id: 'bombs', kind: 'onlyWeRefuse', reason: /aliases of the document repeat more than \d+ values/ },
  { id: 'device-permissions', kind: 'onlyWeRefuse', reason: /invalid device permissions/ },
  { id: 'short-names', kind: 'onlyWeRefuse', reason: /refers to undefined volume "[a-zA-Z]"/ },
]

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

/** The id of the row that explains a difference. */
export function explainDifference(difference: Difference): string | undefined {
  return EXPLANATIONS.find(({ matches }) => matches(difference))?.id
}

export function explainVerdict(kind: Outcome['kind'], reason: string): string | undefined {
  return VERDICTS.find((known) => known.kind === kind && known.reason.test(reason))?.id
}

/** All rows that the table must have. */
export function explanationIds(): string[] {
  return [...EXPLANATIONS, ...VERDICTS].map(({ id }) => id)
}
