/**
 * Devices by name ("vendor.com/class=name"): specifications that a vendor's tool wrote say what a container needs for
 * one. Source: CNCF container-device-interface SPEC.md (files, fields, order of folders), docker's device requests.
 */
import { join } from 'node:path'
import { InvalidRequestError, errnoOf } from '../../errors.ts'
import type { DeviceRequest } from '../../api/types/index.ts'
import type { Host } from '../../host/host.ts'

/** A later folder wins. */
const FOLDERS = ['/etc/cdi', '/var/run/cdi']

export interface CdiEdits {
  readonly env?: readonly string[]
  readonly deviceNodes?: readonly {
    readonly path: string
    readonly hostPath?: string
    readonly permissions?: string
  }[]
  readonly mounts?: readonly {
    readonly hostPath: string
    readonly containerPath: string
    readonly options?: readonly string[]
    readonly type?: string
  }[]
  readonly hooks?: readonly {
    readonly hookName: string
    readonly path: string
    readonly args?: readonly string[]
    readonly env?: readonly string[]
    readonly timeout?: number
  }[]
  readonly additionalGids?: readonly number[]
}

export interface CdiDevice {
  /** "nvidia.com/gpu" */
  readonly kind: string
  readonly name: string
  readonly annotations: Readonly<Record<string, string>>
  /** Of the specification, then of the device. */
  readonly edits: readonly CdiEdits[]
}

interface CdiSpec {
  readonly cdiVersion?: string
  readonly kind?: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly devices?: readonly {
    readonly name?: string
    readonly annotations?: Readonly<Record<string, string>>
    readonly containerEdits?: CdiEdits
  }[]
  readonly containerEdits?: CdiEdits
}

async function parse(text: string, path: string): Promise<CdiSpec> {
  try {
    const value: unknown = path.endsWith('.json') ? JSON.parse(text) : (await import('yaml')).parse(text)
    if (typeof value === 'object' && value !== null) return value
  } catch (cause) {
    throw new InvalidRequestError(`cannot read the CDI specification ${path}`, { cause })
  }
  throw new InvalidRequestError(`the CDI specification ${path} is no object`)
}

async function list(host: Host, folder: string): Promise<string[]> {
  try {
    return (await host.files.readdir(folder)).filter((name) => /\.(json|ya?ml)$/.test(name)).toSorted()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

/** Qualified name -> device. Read anew at each need: they change with drivers. Throws InvalidRequestError. */
export async function readCdiDevices(
  host: Host,
  folders: readonly string[] = FOLDERS,
): Promise<ReadonlyMap<string, CdiDevice>> {
  const found = new Map<string, CdiDevice>()
  for (const folder of folders)
    for (const name of await list(host, folder)) {
      const path = join(folder, name)
      const spec = await parse((await host.files.readFile(path)).toString(), path)
      const { kind = '', devices = [], containerEdits } = spec
      for (const { name: device = '', annotations = {}, containerEdits: own } of devices) {
        const edits = [containerEdits, own].filter((each) => each !== undefined)
        const all = { ...spec.annotations, ...annotations }
        found.set(`${kind}=${device}`, { kind, name: device, annotations: all, edits })
      }
    }
  return found
}

/** Throws InvalidRequestError NO_SUCH_DEVICE. */
export function missingDevice(what: string, known: ReadonlyMap<string, CdiDevice>): never {
  throw new InvalidRequestError(what, {
    code: 'NO_SUCH_DEVICE',
    hint:
      known.size === 0
        ? 'there is no CDI specification in /etc/cdi or /var/run/cdi: nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml'
        : `known here: ${[...known.keys()].toSorted().join(', ')}`,
  })
}

/** Devices of the classes that the capabilities name ("gpu"), and of the driver's vendor. */
function byCapability(request: DeviceRequest, known: ReadonlyMap<string, CdiDevice>): CdiDevice[] {
  const { Driver = '', Count = 0, DeviceIDs, Capabilities } = request
  const classes = (Capabilities ?? []).flat()
  const candidates = [...known.values()].filter(
    ({ kind }) => classes.includes(kind.split('/')[1] ?? '') && (Driver === '' || kind.startsWith(`${Driver}.`)),
  )
  const what = `could not select device driver ${JSON.stringify(Driver)} with capabilities: [[${classes.join(' ')}]]`
  if (candidates.length === 0) return missingDevice(what, known)
  const kind = candidates[0]?.kind ?? ''
  const ofKind = candidates.filter((candidate) => candidate.kind === kind)
  const each = ofKind.filter(({ name }) => name !== 'all')
  if (DeviceIDs !== undefined && DeviceIDs !== null && DeviceIDs.length > 0)
    return DeviceIDs.map((id) => known.get(`${kind}=${id}`) ?? missingDevice(`there is no device ${kind}=${id}`, known))
  if (Count < 0)
    return ofKind
      .filter(({ name }) => name === 'all')
      .concat(each)
      .slice(0, ofKind.length > each.length ? 1 : undefined)
  // a GPU has a name by its number and one by its UUID
  const numbered = each.filter(({ name }) => /^\d+$/.test(name)).toSorted((a, b) => Number(a.name) - Number(b.name))
  if (numbered.length < Count) return missingDevice(`${what}: ${Count} wanted, ${numbered.length} there`, known)
  return numbered.slice(0, Count)
}

/** PURE. What all requests together ask for, none twice. Throws InvalidRequestError NO_SUCH_DEVICE. */
export function selectCdiDevices(
  requests: readonly DeviceRequest[],
  known: ReadonlyMap<string, CdiDevice>,
): CdiDevice[] {
  const selected = requests.flatMap((request) =>
    request.Driver === 'cdi'
      ? (request.DeviceIDs ?? []).map(
          (name) =>
            known.get(name) ?? missingDevice(`CDI device injection failed: unresolvable CDI device ${name}`, known),
        )
      : byCapability(request, known),
  )
  return [...new Set(selected)]
}

export async function cdiEdits(host: Host, requests: readonly DeviceRequest[]): Promise<readonly CdiEdits[]> {
  if (requests.length === 0) return []
  const devices = selectCdiDevices(requests, await readCdiDevices(host))
  return [...new Set(devices.flatMap(({ edits }) => edits))]
}
