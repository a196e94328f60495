/**
 * `RUN --device`: what the request allows, and what a name means among the devices of this machine's CDI specifications:
 * "vendor.com/class=name" is one, "vendor.com/class=*" all of a kind, "vendor.com/class" the first, and a word alone all that
 * have it as their class. PURE but for reading the specifications.
 * Source: Dockerfile reference, RUN --device; BuildKit docs/cdi.md (annotations, entitlement "device").
 */
import { MycomposeError } from '../../../errors.ts'
import { missingDevice, readCdiDevices, type CdiDevice, type CdiEdits } from '../../containers/cdi.ts'
import type { Host } from '../../../host/host.ts'
import type { RunDevice } from '../plan.ts'

const CLASS = 'org.mobyproject.buildkit.device.class'
const ALLOWED = 'org.mobyproject.buildkit.device.autoallow'

function matching(name: string, known: ReadonlyMap<string, CdiDevice>): readonly CdiDevice[] {
  const all = [...known.values()]
  const equals = name.indexOf('=')
  if (equals !== -1 && !name.endsWith('=*'))
    return [...known].flatMap(([own, device]) => (own === name ? [device] : []))
  if (equals !== -1) return all.filter(({ kind }) => kind === name.slice(0, equals))
  if (name.includes('/')) return all.filter(({ kind }) => kind === name).slice(0, 1)
  return all.filter(({ annotations }) => annotations[CLASS] === name)
}

function checkAllowed({ kind, name, annotations }: CdiDevice, wanted: string, entitlements: readonly string[]): void {
  const allowing = ['device', `device=${wanted}`, `device=${kind}`, `device=${kind}=${name}`]
  if (annotations[ALLOWED] === 'true' || allowing.some((one) => entitlements.includes(one))) return
  throw new MycomposeError(`RUN --device=${wanted} is not allowed`, {
    code: 'BUILD_ENTITLEMENT',
    hint: `allow it with "entitlements: [device=${wanted}]" of "build", or "entitlements: [device]" for all`,
  })
}

/**
 * In the order of their names in the file, none twice. `warn` hears of those that are not here and need not be. Throws
 * InvalidRequestError (NO_SUCH_DEVICE), BUILD_ENTITLEMENT.
 */
export function selectDevices(
  wanted: readonly RunDevice[],
  known: ReadonlyMap<string, CdiDevice>,
  entitlements: readonly string[],
  warn: (message: string) => void,
): readonly CdiDevice[] {
  const found = wanted.flatMap(({ name, isRequired }) => {
    const devices = matching(name, known)
    for (const device of devices) checkAllowed(device, name, entitlements)
    if (devices.length === 0 && isRequired) missingDevice(`RUN --device: there is no CDI device ${name}`, known)
    if (devices.length === 0) warn(`there is no CDI device ${name}: RUN goes on without it`)
    return devices
  })
  return [...new Set(found)]
}

/** What they add to the step's container. Throws as selectDevices, and for specifications that cannot be read. */
export async function deviceEdits(
  host: Host,
  wanted: readonly RunDevice[],
  entitlements: readonly string[],
  warn: (message: string) => void,
): Promise<readonly CdiEdits[]> {
  if (wanted.length === 0) return []
  const devices = selectDevices(wanted, await readCdiDevices(host), entitlements, warn)
  return [...new Set(devices.flatMap(({ edits }) => edits))]
}
