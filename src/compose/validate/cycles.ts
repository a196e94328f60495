/**
 * Services must not wait for each other in a circle. Reported once per circle, with its path, at the dependency that
 * closes it. What no profile enables closes no circle. Depth-first search; source: any textbook.
 */
import type { ProjectRule } from './context.ts'
import { dependencyPath } from './references.ts'

export const noCycles: ProjectRule = (context) => {
  const { services } = context.project
  const done = new Set<string>()
  const path: string[] = []
  const onPath = new Set<string>()
  const visit = (name: string): void => {
    const service = Object.hasOwn(services, name) ? services[name] : undefined
    if (service === undefined || done.has(name)) return
    path.push(name)
    onPath.add(name)
    for (const dependency of Object.keys(service.dependsOn)) {
      if (!onPath.has(dependency)) visit(dependency)
      else {
        const cycle = [...path.slice(path.indexOf(dependency)), dependency].join(' -> ')
        const message = `services depend on each other in a circle: ${cycle}`
        const hint = 'remove one of these dependencies'
        context.error(dependencyPath(service, dependency), { code: 'DEPENDENCY_CYCLE', message, hint })
      }
    }
    path.pop()
    onPath.delete(name)
    done.add(name)
  }
  for (const name of Object.keys(services).toSorted()) visit(name)
}
