/**
 * What a container sees, asked with `exec`. Names are looked up with nslookup, which speaks DNS itself: the static
 * busybox cannot use the resolver of its C library (its wget crashes), so requests go to addresses through nc.
 */
import { isIPv4 } from 'node:net'
import type { ProjectUnderTest } from './engine.ts'

/** IPv4 addresses of `name` by the embedded resolver, sorted; empty when there are none. */
export async function lookUp(project: ProjectUnderTest, service: string, name: string): Promise<string[]> {
  const { stdout } = await project.run('exec', '-T', service, 'nslookup', '-type=a', name, '127.0.0.11')
  const answers = stdout.split('\n\n').slice(1).join('\n')
  return [...answers.matchAll(/^Address(?: \d+)?: ([\d.]+)/gm)].map(([, address = '']) => address).toSorted()
}

/** The last line of the answer to GET / as `service` gets it, or undefined when there is none. */
export async function getInside(
  project: ProjectUnderTest,
  service: string,
  host: string,
  port = 80,
): Promise<string | undefined> {
  const address = isIPv4(host) ? host : (await lookUp(project, service, host))[0]
  if (address === undefined) return undefined
  const line = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 ${address} ${port}`
  const { stdout } = await project.run('exec', '-T', service, 'sh', '-c', line)
  const last = stdout.trimEnd().split('\n').at(-1)
  return last === '' ? undefined : last
}
