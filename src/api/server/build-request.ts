/** The shape of what `POST /mycompose/build` gets, so that the builder may trust its types. PURE. */
import type { BuildRequest } from '../types/build.ts'
import { InvalidRequestError } from '../../errors.ts'

type Check = (value: unknown) => boolean

const text: Check = (value) => typeof value === 'string' && !value.includes('\0')
const flag: Check = (value) => typeof value === 'boolean'
const bytes: Check = (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const list =
  (item: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(item)
const map =
  (item: Check): Check =>
  (value) =>
    isObject(value) && Object.values(value).every(item)
/** The fields that there are; those of `required` have to be. */
const struct =
  (fields: Readonly<Record<string, Check>>, required: readonly string[]): Check =>
  (value) =>
    isObject(value) &&
    required.every((name) => value[name] !== undefined) &&
    Object.entries(value).every(([name, member]) => member === undefined || (fields[name]?.(member) ?? false))

const absolute: Check = (value) => text(value) && String(value).startsWith('/')
const kind =
  (name: string): Check =>
  (value) =>
    value === name

const SOURCES: readonly Check[] = [
  struct({ kind: kind('directory'), path: absolute }, ['kind', 'path']),
  struct({ kind: kind('tar'), path: absolute }, ['kind', 'path']),
  struct({ kind: kind('git'), url: text }, ['kind', 'url']),
  struct({ kind: kind('http'), url: text }, ['kind', 'url']),
  struct({ kind: kind('image'), reference: text }, ['kind', 'reference']),
  struct({ kind: kind('oci-layout'), path: absolute, reference: text }, ['kind', 'path']),
]
const source: Check = (value) => SOURCES.some((check) => check(value))
const cacheOption = struct({ type: text, options: map(text) }, ['type', 'options'])
const number: Check = (value) => typeof value === 'number'

const FIELDS: { readonly [K in keyof Required<BuildRequest>]: Check } = {
  context: source,
  dockerfile: text,
  dockerfileInline: text,
  dockerfileLabel: text,
  target: text,
  args: map(text),
  tags: list(text),
  labels: map(text),
  additionalContexts: map(source),
  secrets: list(struct({ id: text, valueBase64: text }, ['id', 'valueBase64'])),
  ssh: list(struct({ id: text, socketPath: absolute }, ['id', 'socketPath'])),
  network: text,
  extraHosts: list(text),
  shmSizeBytes: bytes,
  ulimits: list(struct({ Name: text, Soft: number, Hard: number }, ['Name', 'Soft', 'Hard'])),
  memoryBytes: bytes,
  cgroupParent: text,
  entitlements: list(text),
  privileged: flag,
  platforms: list(text),
  pull: flag,
  noCache: flag,
  noCacheFilter: list(text),
  cacheFrom: list(cacheOption),
  cacheTo: list(cacheOption),
  check: flag,
  registryAuth: map(isObject),
}

/** Throws InvalidRequestError, naming the field. */
export function checkBuildRequest(value: object): BuildRequest {
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue
    const check = Object.hasOwn(FIELDS, name) ? FIELDS[name as keyof BuildRequest] : undefined
    if (check === undefined) throw new InvalidRequestError(`unknown field "${name}" in the build request`)
    if (!check(member)) throw new InvalidRequestError(`the field "${name}" of the build request is malformed`)
  }
  if (!('context' in value)) throw new InvalidRequestError('the field "context" of the build request is missing')
  return value as BuildRequest
}
