/** PURE: device nodes and the rules of the device cgroup. Source: moby daemon/pkg/oci/defaults.go, config-linux.md. */
import { InvalidRequestError } from '../../../errors.ts'
import type { OciDevice, OciDeviceRule } from './oci.ts'

/** null, zero, full, tty, random, urandom, console, and /dev/fuse denied by name. */
const DEFAULT_RULES: readonly OciDeviceRule[] = [
  { allow: false, access: 'rwm' },
  { allow: true, type: 'c', major: 1, minor: 5, access: 'rwm' },
  { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' },
  { allow: true, type: 'c', major: 1, minor: 9, access: 'rwm' },
  { allow: true, type: 'c', major: 1, minor: 8, access: 'rwm' },
  { allow: true, type: 'c', major: 5, minor: 0, access: 'rwm' },
  { allow: true, type: 'c', major: 5, minor: 1, access: 'rwm' },
  { allow: false, type: 'c', major: 10, minor: 229, access: 'rwm' },
]

/** A device of the host that the container is to have, with its permissions for the cgroup ("rwm"). */
export interface GrantedDevice extends OciDevice {
  readonly access: string
}

/** "c 189:* rmw", "b 7:* r", "a *:* rwm". Throws InvalidRequestError. */
export function parseDeviceRule(text: string): OciDeviceRule {
  const match = /^([abc]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(text)
  if (match === null) throw new InvalidRequestError(`invalid device cgroup rule format: ${JSON.stringify(text)}`)
  const [, type, major, minor, access] = match
  return {
    allow: true,
    type: type as 'a' | 'b' | 'c',
    ...(major === '*' ? {} : { major: Number(major) }),
    ...(minor === '*' ? {} : { minor: Number(minor) }),
    access: access ?? '',
  }
}

export function toDevices(granted: readonly GrantedDevice[]): OciDevice[] {
  return granted.map(({ access: _access, ...device }) => device)
}

export function toDeviceRules(
  granted: readonly GrantedDevice[],
  extraRules: readonly string[],
  privileged: boolean,
): OciDeviceRule[] {
  if (privileged) return [{ allow: true, access: 'rwm' }]
  return [
    ...DEFAULT_RULES,
    ...granted.flatMap(({ type, major, minor, access }): OciDeviceRule[] =>
      type === 'p' ? [] : [{ allow: true, type, major, minor, access }],
    ),
    ...extraRules.map(parseDeviceRule),
  ]
}
