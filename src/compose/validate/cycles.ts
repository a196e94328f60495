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
  const visit = (name: string): void => {
    const service = Object.hasOwn(services, name) ? services[name] : undefined
    if (service === undefined || done.has(name)) return
    path.push(name)
    for (const dependency of Object.keys(service.dependsOn)) {
      const start = path.indexOf(dependency)
      if (start === -1) visit(dependency)
      else {
        const cycle = [...path.slice(start), dependency].join(' -> ')
        const message = `services depend on each other in a circle: ${cycle}`
        const hint = 'remove one of these dependencies'
        context.error(dependencyPath(service, dependency), { code: 'DEPENDENCY_CYCLE', message, hint })
      }
    }
    path.pop()
    done.add(name)
  }
  for (const name of Object.keys(services).toSorted()) visit(name)
}
