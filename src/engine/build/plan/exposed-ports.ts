/** EXPOSE: "80", "53/udp", "8000-8002", and the form of a published port, of which only the container's side counts. PURE. */
import { isIP } from 'node:net'

const PROTOCOLS = ['tcp', 'udp', 'sctp']
const MAX_PORT = 65_535

/** "8000-8002": first and last; undefined when it is none. */
function portRange(text: string): readonly [number, number] | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text)
  if (match === null) return undefined
  const first = Number(match[1])
  const last = match[2] === undefined ? first : Number(match[2])
  return last < first || last > MAX_PORT ? undefined : [first, last]
}

/** "ip:host:container": the last two colons separate, as an address may have its own. */
function parts(text: string): { readonly address: string; readonly host: string; readonly container: string } {
  const pieces = text.split(':')
  const container = pieces.pop() ?? ''
  return { container, host: pieces.pop() ?? '', address: pieces.join(':') }
}

/** "80/tcp" each; undefined: it is no port. */
export function exposedPorts(text: string): readonly string[] | undefined {
  const { address, host, container } = parts(text)
  const bare = address.replace(/^\[(.*)\]$/, '$1')
  if (bare !== '' && isIP(bare) === 0) return undefined
  const [port = '', protocol = 'tcp', ...more] = container.split('/')
  const lower = (protocol === '' ? 'tcp' : protocol).toLowerCase()
  const range = portRange(port)
  if (range === undefined || more.length > 0 || !PROTOCOLS.includes(lower)) return undefined
  const [first, last] = range
  const hostRange = host === '' ? range : portRange(host)
  if (hostRange === undefined) return undefined
  if (first !== last && hostRange[1] - hostRange[0] !== last - first) return undefined
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${lower}`)
}
