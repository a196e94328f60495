/** Host ports that a service asks for by number. Pure. */
import type { Service } from '../../compose/model.ts'

/** @example published "8000-8001" of a tcp port -> ["8000/tcp", "8001/tcp"] */
export function publishedPorts(service: Service): readonly string[] {
  return service.ports.flatMap(({ published, protocol }) => {
    if (published === undefined) return []
    const [first = 0, last = first] = published.split('-').map(Number)
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => `${first + index}/${protocol}`)
  })
}
