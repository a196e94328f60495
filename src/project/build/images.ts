/** The images that `up`, `create` and `run` build before they plan. */
import type { Project, Service } from '../../compose/model.ts'
import type { BringOptions, BroughtImages } from '../bring-images.ts'
import type { ProjectContext } from '../context.ts'
import { imageReference } from '../names.ts'
import { observeImages } from '../observe.ts'
import { buildServices } from './build.ts'
import { servicesToBuild, type BuildWish } from './needed.ts'

export interface BuildImagesOptions extends BringOptions {
  readonly build?: BuildWish
  readonly quietBuild?: boolean | undefined
}

/** `brought`: after the pulls; an image whose pull failed is built where that can be. @throws BuildError */
export async function buildImages(
  context: ProjectContext,
  project: Project,
  services: readonly Service[],
  brought: BroughtImages,
  options: BuildImagesOptions,
): Promise<BroughtImages> {
  const { images, failures } = brought
  const referenceOf = (service: Service): string => imageReference(project.name, service)
  const wanted = servicesToBuild(services, {
    wish: options.build,
    pull: options.pull,
    isPresent: (service) => images.has(referenceOf(service)) && !failures.has(referenceOf(service)),
  })
  if (wanted.length === 0) return brought
  const dryRun = options.dryRun === true || context.dryRun === true
  const built = await buildServices(
    { ...(options.quietBuild === true ? unseen(context) : context), dryRun },
    project,
    wanted,
  )
  const rest = new Map([...failures].filter(([reference]) => !built.images.has(reference)))
  if (dryRun) return { images: new Map([...built.images, ...images]), changed: false, failures: rest }
  const references = Object.values(project.services).map(referenceOf)
  return { images: await observeImages(context.client, references), changed: true, failures: rest }
}

function unseen({ openBuildView: _view, ...context }: ProjectContext): ProjectContext {
  return context
}
