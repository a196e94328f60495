/**
 * Turns the host into a router, which it must be for any container traffic. Where nobody had done so before, packets
 * between the interfaces that the host had until then stay where they are: what this engine opened it shuts by its own
 * rules. What interfaces come later, their makers look after. Which they are is kept for this boot, and written down
 * before forwarding is on. Source: Documentation/networking/ip-sysctl.rst; Docker docs, "Packet filtering and firewalls"
 * (Docker on a router).
 */
import { join } from 'node:path'
import type { EngineBase } from '../engine/context.ts'

type Family = 4 | 6

/** Names of interfaces, by address family. */
export type ShutInterfaces = Readonly<Record<Family, readonly string[]>>

const SWITCH: Readonly<Record<Family, string>> = {
  4: '/proc/sys/net/ipv4/ip_forward',
  6: '/proc/sys/net/ipv6/conf/all/forwarding',
}
const REDIRECTS = ['all', 'default'].map((name) => `/proc/sys/net/ipv4/conf/${name}/accept_redirects`)
/** Of an engine: see linkAlias. */
const OURS = /^mycompose /
const NAME = /^[^\s"/*]{1,15}$/

const recordPath = (base: EngineBase, family: Family): string => join(base.config.paths.run, `shut${family}`)

function readShut(base: EngineBase, family: Family): string[] {
  const text = base.host.files.readTextSync(recordPath(base, family)) ?? ''
  return text.split('\n').filter((name) => NAME.test(name))
}

/** Between which packets stay shut; none where the host was a router before. */
export function shutInterfaces(base: EngineBase): ShutInterfaces {
  return { 4: readShut(base, 4), 6: readShut(base, 6) }
}

/** Interfaces that are nobody's of ours. */
function otherInterfaces({ host }: EngineBase): string[] {
  const others = host.links.list().filter(({ name, alias = '' }) => name !== 'lo' && !OURS.test(alias))
  return others.map(({ name }) => name).toSorted()
}

/** Bridges of this engine or another one. */
const hasBridges = ({ host }: EngineBase): boolean =>
  host.links.list().some(({ kind, alias = '' }) => kind === 'bridge' && OURS.test(alias))

function switchOn(base: EngineBase, family: Family): void {
  const { files } = base.host
  const names = otherInterfaces(base)
  files.writeTextSync(recordPath(base, family), names.map((name) => `${name}\n`).join(''))
  files.writeTextSync(SWITCH[family], '1')
  base.log('info', `switched IPv${family} forwarding on: containers need it to reach other machines`, {
    shut: names.join(' '),
  })
}

/** Idempotent. A kernel without IPv6 is fine. */
export function enableForwarding(base: EngineBase, ipv6: boolean): void {
  const { files } = base.host
  if (files.readTextSync(SWITCH[4])?.trim() === '0') switchOn(base, 4)
  if (!ipv6 || files.readTextSync(SWITCH[6])?.trim() !== '0') return
  // a forwarding host stops listening to routers, and would lose its own default route, unless accept_ra is 2
  const folder = '/proc/sys/net/ipv6/conf'
  for (const device of files.readdirSync(folder))
    if (files.readTextSync(`${folder}/${device}/accept_ra`)?.trim() === '1')
      files.writeTextSync(`${folder}/${device}/accept_ra`, '2')
  switchOn(base, 6)
}

/**
 * After the last bridge is gone, and with it the rules that keep shut what was shut: the host is no router any more, if it
 * was this engine that made it one and no interface has come since, whose maker may count on it.
 */
export function restoreForwarding(base: EngineBase): void {
  if (hasBridges(base)) return
  for (const family of [4, 6] as const) {
    const before = new Set(readShut(base, family))
    if (before.size === 0 || otherInterfaces(base).some((name) => !before.has(name))) continue
    const { files } = base.host
    const redirects = REDIRECTS.map((path) => [path, files.readTextSync(path) ?? '0'] as const)
    files.writeTextSync(SWITCH[family], '0')
    // a host that stops routing would take ICMP redirects again, whatever its owner had said of them
    for (const [path, value] of redirects) files.writeTextSync(path, value)
    // another engine may have made its first bridge this moment, and found the switch on
    if (hasBridges(base)) files.writeTextSync(SWITCH[family], '1')
    else files.writeTextSync(recordPath(base, family), '')
    base.log('info', `switched IPv${family} forwarding off again: no network is left that needs it`, {})
  }
}

/** Written down for nothing any more. */
export async function forgetForwarding(base: EngineBase): Promise<void> {
  for (const family of [4, 6] as const)
    if (readShut(base, family).length === 0) await base.host.files.rm(recordPath(base, family), { force: true })
}
