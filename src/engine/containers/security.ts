/** PURE: SecurityOpt. Source: moby daemon/daemon_unix.go (parseSecurityOpt). */
import { InvalidRequestError } from '../../errors.ts'
import { DEFAULT_PROFILE, parseProfile, type SeccompProfile } from './spec/seccomp.ts'

export interface SecurityOptions {
  readonly noNewPrivileges: boolean
  readonly unconfinedSystemPaths: boolean
  /** A profile that is loaded in the kernel; undefined: none. */
  readonly apparmorProfile: string | undefined
  /** Undefined: unconfined. */
  readonly seccomp: SeccompProfile | undefined
}

const BOOLEANS: Readonly<Record<string, boolean>> = { '': true, true: true, '1': true, false: false, '0': false }

/** Throws InvalidRequestError for unknown options; `warn` hears of those that this machine cannot honour. */
export function parseSecurityOptions(
  options: readonly string[],
  { privileged, hasAppArmor }: { readonly privileged: boolean; readonly hasAppArmor: boolean },
  warn: (text: string) => void,
): SecurityOptions {
  let noNewPrivileges = false
  let unconfinedSystemPaths = false
  let apparmorProfile: string | undefined
  let seccomp: SeccompProfile | undefined = privileged ? undefined : DEFAULT_PROFILE
  for (const option of options) {
    const [, key = option, value = ''] = /^([a-z-]+)(?:[=:](.*))?$/s.exec(option) ?? []
    switch (key) {
      case 'no-new-privileges': {
        const flag = BOOLEANS[value]
        if (flag === undefined) throw new InvalidRequestError(`invalid --security-opt 2: ${JSON.stringify(option)}`)
        noNewPrivileges = flag
        break
      }
      case 'seccomp':
        seccomp = value === 'unconfined' ? undefined : value === 'builtin' ? DEFAULT_PROFILE : parseProfile(value)
        break
      case 'systempaths':
        if (value !== 'unconfined') throw new InvalidRequestError(`invalid --security-opt 2: ${JSON.stringify(option)}`)
        unconfinedSystemPaths = true
        break
      case 'apparmor':
        apparmorProfile = hasAppArmor && value !== 'unconfined' ? value : undefined
        if (!hasAppArmor && value !== 'unconfined') warn(`this kernel has no AppArmor: the profile ${value} is ignored`)
        break
      case 'label':
        if (value !== 'disable') warn(`SELinux labels are not set by this engine: label ${value} is ignored`)
        break
      default:
        throw new InvalidRequestError(`invalid --security-opt 2: ${JSON.stringify(option)}`)
    }
  }
  return { noNewPrivileges, unconfinedSystemPaths, seccomp, apparmorProfile }
}
