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

function switchOn(base: EngineBase, family: Family): void {
  const { files, links } = base.host
  const others = links.list().filter(({ name, alias = '' }) => name !== 'lo' && !OURS.test(alias))
  const names = others.map(({ name }) => name).toSorted()
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
