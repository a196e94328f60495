/** `ports` and `expose` -> ExposedPorts and PortBindings. Pure. */
import type { PortBinding } from '../../api/types/index.ts'
import type { Service } from '../../compose/model.ts'

/** Keys "80/tcp". */
export function toExposedPorts(service: Service): Readonly<Record<string, object>> {
  const keys = [
    ...service.ports.map((port) => `${port.target}/${port.protocol}`),
    ...service.expose.flatMap(expandExpose),
  ]
  return Object.fromEntries([...new Set(keys)].toSorted().map((key) => [key, {}]))
}

export function toPortBindings(service: Service): Readonly<Record<string, readonly PortBinding[]>> {
  const bindings = new Map<string, PortBinding[]>()
  for (const port of service.ports) {
    const key = `${port.target}/${port.protocol}`
    const list = bindings.get(key) ?? []
    list.push({ HostIp: port.hostIp ?? '', HostPort: port.published ?? '' })
    bindings.set(key, list)
  }
  return Object.fromEntries([...bindings].toSorted(([left], [right]) => (left < right ? -1 : 1)))
}

/** @example expandExpose("8000-8002/udp") -> ["8000/udp", "8001/udp", "8002/udp"] */
export function expandExpose(expose: string): readonly string[] {
  const [range = '', protocol = 'tcp'] = expose.split('/')
  const [first, last = first] = range.split('-').map(Number)
  if (first === undefined || last === undefined || !Number.isInteger(first) || !Number.isInteger(last)) return []
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => `${first + index}/${protocol}`)
}
