/**
 * `RUN --mount=...`: keys and values with their variables expanded, checked, and told apart by type. The order of the keys
 * counts: `required` and `size` want their type before them, as in BuildKit.
 * Source: Dockerfile reference, "RUN --mount".
 */
import { posix } from 'node:path'
import { nearestName } from '../../../edit-distance.ts'
import { parseBytes } from '../../../units.ts'
import type { MountFlag } from './ast.ts'
import { parseBoolean } from './boolean.ts'
import { DockerfileError, type SourceText } from './errors.ts'

/** What `target` is relative to, and what `from` names, is resolved by the plan. */
export type RunMountSpec =
  | {
      readonly kind: 'bind'
      /** "": the working directory itself. */
      readonly target: string
      /** Undefined: the build context. */
      readonly from: string | undefined
      readonly source: string
      readonly readOnly: boolean
    }
  | {
      readonly kind: 'cache'
      readonly target: string
      /** Its own, or the clean target as written. */
      readonly id: string
      readonly sharing: 'shared' | 'private' | 'locked'
      /** Its first content; undefined: empty. */
      readonly from: string | undefined
      readonly source: string
      readonly readOnly: boolean
      readonly mode: number
      readonly uid: number
      readonly gid: number
    }
  | { readonly kind: 'tmpfs'; readonly target: string; readonly sizeBytes: number | undefined }
  | {
      readonly kind: 'secret'
      readonly id: string
      /** Undefined: it is only a variable. */
      readonly target: string | undefined
      readonly env: string | undefined
      readonly required: boolean
      readonly mode: number
      readonly uid: number
      readonly gid: number
    }
  | {
      readonly kind: 'ssh'
      readonly id: string
      /** Undefined: /run/buildkit/ssh_agent.N. */
      readonly target: string | undefined
      readonly required: boolean
      readonly mode: number
      readonly uid: number
      readonly gid: number
    }

const TYPES = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const
const SHARINGS = ['shared', 'private', 'locked'] as const
const SYNONYMS: Readonly<Record<string, string>> = {
  src: 'source',
  dst: 'target',
  destination: 'target',
  ro: 'readonly',
  rw: 'readwrite',
}
const PROPER_KEYS = 'type from source target readonly readwrite id sharing required size mode uid gid env'
const KEYS = PROPER_KEYS.split(' ').concat(Object.keys(SYNONYMS))

/** As far as it is read: each key sets one. */
interface Draft {
  type: (typeof TYPES)[number]
  from?: string
  source?: string
  target?: string
  readOnly?: boolean
  id?: string
  sharing?: (typeof SHARINGS)[number]
  required?: boolean
  sizeBytes?: number
  mode?: number
  uid?: number
  gid?: number
  env?: string
}

type Fail = (message: string, hint?: string) => DockerfileError

/** Throws DOCKERFILE_INVALID_VALUE, and what `expand` throws. `source`: the file that the flag's ranges are in. */
export function parseMount(flag: MountFlag, expand: (text: string) => string, source?: SourceText): RunMountSpec {
  const draft: Draft = { type: 'bind' }
  for (const entry of flag.entries) {
    const fail = failAt(entry.range, source)
    const key = SYNONYMS[entry.key] ?? entry.key
    if (entry.value === undefined) setBare(draft, key, entry.key, fail)
    else setValue(draft, { key, written: entry.key, value: expand(entry.value) }, fail)
  }
  return toSpec(draft, failAt(flag.range, source))
}

/**
 * Where a mount goes: `target` joined to the working directory. Throws DOCKERFILE_INVALID_VALUE for "/".
 * @example resolveMountTarget("cache", "/src", flag) === "/src/cache"
 */
export function resolveMountTarget(
  target: string,
  workingDirectory: string,
  flag: MountFlag,
  source?: SourceText,
): string {
  const path = posix.resolve('/', workingDirectory, target)
  if (path !== '/') return path
  throw failAt(flag.range, source)('invalid mount target "/"', 'write target= with a path below the root')
}

function failAt(range: MountFlag['range'], source: SourceText | undefined): Fail {
  const place = source === undefined ? undefined : { source, range }
  return (message, hint) => new DockerfileError('DOCKERFILE_INVALID_VALUE', message, place, hint)
}

function setBare(draft: Draft, key: string, written: string, fail: Fail): void {
  if (key === 'readonly') draft.readOnly = true
  else if (key === 'readwrite') draft.readOnly = false
  else if (key === 'required') {
    requireType(draft, ['secret', 'ssh'], written, fail)
    draft.required = true
  } else throw fail(`invalid field "${written}": it must be a key=value pair`, hintOfKey(written))
}

function requireType(draft: Draft, types: readonly string[], key: string, fail: Fail): void {
  if (types.includes(draft.type)) return
  throw fail(
    `unexpected key "${key}" for mount type "${draft.type}"`,
    `write type=${types.join(' or type=')} before it`,
  )
}

interface Setting {
  readonly key: string
  /** The key as it stands there. */
  readonly written: string
  readonly value: string
}

function setValue(draft: Draft, setting: Setting, fail: Fail): void {
  const { key, written, value } = setting
  switch (key) {
    case 'type':
      draft.type = oneOf(TYPES, value, 'mount type', fail)
      return
    case 'sharing':
      draft.sharing = oneOf(SHARINGS, value, 'sharing value', fail)
      return
    case 'from':
    case 'source':
    case 'target':
    case 'id':
    case 'env':
      draft[key] = value
      return
    case 'readonly':
    case 'readwrite':
      draft.readOnly = booleanOf(setting, fail) === (key === 'readonly')
      return
    case 'required':
      requireType(draft, ['secret', 'ssh'], written, fail)
      draft.required = booleanOf(setting, fail)
      return
    case 'size':
      requireType(draft, ['tmpfs'], written, fail)
      draft.sizeBytes = sizeOf(setting, fail)
      return
    case 'mode':
      draft.mode = wholeNumber(setting, 8, fail)
      return
    case 'uid':
    case 'gid':
      draft[key] = wholeNumber(setting, 10, fail)
      return
    default:
      throw fail(`unexpected key "${written}" in "${written}=${value}"`, hintOfKey(written))
  }
}

function hintOfKey(key: string): string {
  const nearest = nearestName(key, KEYS)
  return nearest === undefined || nearest === key ? `the keys are ${KEYS.join(', ')}` : `did you mean ${nearest}?`
}

function oneOf<T extends string>(known: readonly T[], value: string, what: string, fail: Fail): T {
  const found = known.find((name) => name === value.toLowerCase())
  if (found !== undefined) return found
  const nearest = nearestName(value, known)
  throw fail(
    `unsupported ${what} "${value}"`,
    nearest === undefined ? `one of ${known.join(', ')}` : `did you mean ${nearest}?`,
  )
}

function booleanOf({ written, value }: Setting, fail: Fail): boolean {
  const parsed = parseBoolean(value)
  if (parsed === undefined) throw fail(`invalid value for ${written}: "${value}"`, 'write true or false')
  return parsed
}

function sizeOf({ written, value }: Setting, fail: Fail): number {
  const bytes = parseBytes(value)
  if (bytes === undefined) throw fail(`invalid value for ${written}: "${value}"`, 'write bytes, or 64m, 1.5g')
  return bytes
}

function wholeNumber({ written, value }: Setting, base: 8 | 10, fail: Fail): number {
  const parsed = (base === 8 ? /^[0-7]+$/ : /^\d+$/).test(value) ? Number.parseInt(value, base) : Number.NaN
  if (parsed < 2 ** 32) return parsed
  throw fail(`invalid value "${value}" for ${written}`, base === 8 ? 'write an octal mode, such as 0750' : undefined)
}

function toSpec(draft: Draft, fail: Fail): RunMountSpec {
  checkOwner(draft, fail)
  if (draft.type === 'secret') return toSecret(draft, fail)
  if (draft.sharing !== undefined && draft.type !== 'cache') {
    throw fail(`invalid cache sharing set for ${draft.type} mount`)
  }
  const { target = '', source = '' } = draft
  const from = draft.from === '' ? undefined : draft.from
  if (draft.type === 'ssh') return toSsh(draft, fail)
  if (draft.type === 'tmpfs') return { kind: 'tmpfs', target, sizeBytes: draft.sizeBytes }
  if (draft.type === 'bind') return { kind: 'bind', target, from, source, readOnly: draft.readOnly ?? true }
  return {
    kind: 'cache',
    target,
    id: draft.id === undefined || draft.id === '' ? cleanPath(target) : draft.id,
    sharing: draft.sharing ?? 'shared',
    from,
    source,
    readOnly: draft.readOnly ?? false,
    ...ownerOf(draft, 0o755),
  }
}

function checkOwner(draft: Draft, fail: Fail): void {
  if (draft.type !== 'bind' && draft.type !== 'tmpfs') return
  const key = (['mode', 'uid', 'gid'] as const).find((name) => draft[name] !== undefined)
  if (key !== undefined) throw fail(`${key} not allowed for "${draft.type}" type mounts`)
}

function ownerOf(draft: Draft, mode: number): { readonly mode: number; readonly uid: number; readonly gid: number } {
  return { mode: draft.mode ?? mode, uid: draft.uid ?? 0, gid: draft.gid ?? 0 }
}

function toSecret(draft: Draft, fail: Fail): RunMountSpec {
  const { source = '', target = '', env } = draft
  if (draft.from !== undefined && draft.from !== '') throw fail('secret mount should not have a from')
  if (draft.sharing !== undefined) throw fail('secret mount should not define sharing')
  const given = draft.id ?? ''
  if (source === '' && target === '' && given === '') {
    throw fail('invalid secret mount: one of source, target required', 'write id=NAME')
  }
  if (source !== '' && given !== '') throw fail("both source and id can't be set")
  const id = source !== '' ? source : given !== '' ? given : baseName(target)
  const file = target !== '' ? target : env === undefined ? `/run/secrets/${baseName(id)}` : undefined
  return { kind: 'secret', id, target: file, env, required: draft.required ?? false, ...ownerOf(draft, 0o400) }
}

function toSsh(draft: Draft, fail: Fail): RunMountSpec {
  if (draft.source !== undefined && draft.source !== '') throw fail('ssh does not support source')
  const id = draft.id === undefined || draft.id === '' ? 'default' : draft.id
  const target = draft.target === '' ? undefined : draft.target
  return { kind: 'ssh', id, target, required: draft.required ?? false, ...ownerOf(draft, 0o600) }
}

/** Go's path.Clean. */
function cleanPath(path: string): string {
  const normal = posix.normalize(path)
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal
}

/** Go's path.Base of a path that is not empty. */
function baseName(path: string): string {
  return posix.basename(path) === '' ? '/' : posix.basename(path)
}
