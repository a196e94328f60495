/**
 * The rules that no schema can say: runs them all over a loaded project and reports everything they find.
 */
import type { Project } from './model.ts'
import { originAt, type MapNode } from './node.ts'
import type { Problems } from './problems.ts'
import type { RuleContext } from './validate/context.ts'
import { noCycles } from './validate/cycles.ts'
import { hasServices, PROJECT_RULES } from './validate/project-rules.ts'
import { contextsAreBuilt, dependenciesExist, referencesExist } from './validate/references.ts'
import { SERVICE_RULES } from './validate/service-rules.ts'

/** `removed`: paths that earlier phases cut out, so that their absence is not reported again. */
export function validateProject(
  project: Project,
  tree: MapNode,
  removed: readonly (readonly string[])[],
  problems: Problems,
  mayBeEmpty: boolean,
): void {
  const cuts = new Set(removed.map((path) => path.join('\0')))
  const incomplete = new Set(removed.flatMap((path) => path.map((_, index) => path.slice(0, index + 1).join('\0'))))
  const context: RuleContext = {
    project,
    error: (path, text) => problems.error(originAt(tree, path), { ...text, path }),
    warn: (path, text) => problems.warn(originAt(tree, path), { ...text, path }),
    isIncomplete: (path) => incomplete.has(path.join('\0')),
    isRemoved: (path) => path.some((_, index) => cuts.has(path.slice(0, index + 1).join('\0'))),
  }
  if (!mayBeEmpty) hasServices(context)
  for (const rule of PROJECT_RULES) rule(context)
  for (const service of Object.values(project.services)) {
    for (const rule of SERVICE_RULES) rule(service, context)
    referencesExist(service, context)
    dependenciesExist(service, context)
    contextsAreBuilt(service, context)
  }
  noCycles(context)
}
