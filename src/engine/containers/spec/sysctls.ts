/** PURE: kernel parameters of a container's own namespaces. Source: moby daemon/oci_linux.go, runc libcontainer/configs/validate. */
import { InvalidRequestError } from '../../../errors.ts'

const IPC_NAMES = new Set(
  ['msgmax', 'msgmnb', 'msgmni', 'sem', 'shmall', 'shmmax', 'shmmni', 'shm_rmid_forced'].map(
    (name) => `kernel.${name}`,
  ),
)

export interface SysctlInput {
  readonly sysctls: Readonly<Record<string, string>>
  readonly privateNetwork: boolean
  readonly privateIpc: boolean
  readonly privateUts: boolean
  readonly domainname: string
}

/** Throws InvalidRequestError for parameters that would change the host. Sorted. */
export function toSysctls(input: SysctlInput): Record<string, string> {
  const { sysctls, privateNetwork, privateIpc, privateUts, domainname } = input
  for (const name of Object.keys(sysctls)) {
    const dotted = name.replaceAll('/', '.')
    const isIpc = IPC_NAMES.has(dotted) || dotted.startsWith('fs.mqueue.')
    if (dotted.startsWith('net.') && !privateNetwork)
      throw new InvalidRequestError(`sysctl ${name} not allowed in host network namespace`)
    if (isIpc && !privateIpc) throw new InvalidRequestError(`sysctl ${name} not allowed in host ipc namespace`)
    if (!isIpc && !dotted.startsWith('net.') && dotted !== 'kernel.domainname')
      throw new InvalidRequestError(`sysctl ${name} is not in a separate kernel namespace`, {
        hint: 'only net.*, fs.mqueue.* and the IPC parameters of kernel.* belong to a container; set others on the host',
      })
  }
  const all = {
    ...(privateNetwork
      ? { 'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': '0 2147483647' }
      : {}),
    ...(privateUts && domainname !== '' ? { 'kernel.domainname': domainname } : {}),
    ...sysctls,
  }
  return Object.fromEntries(Object.entries(all).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
