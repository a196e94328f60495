/**
 * Before `up` makes containers: the images that their services want from registries, all at once. A pull that fails is
 * no end yet: the plan tells it if a container needs the image.
 */
import type { Project, Service } from '../compose/model.ts'
import { NotFoundError, type MycomposeError } from '../errors.ts'
import type { ProjectContext } from './context.ts'
import { isBuildable } from './build/request.ts'
import { imageReference, imageResource, platformOf } from './names.ts'
import { observeImages } from './observe.ts'
import { isForPlatform, mustPull, pullPolicyOf, type PresentImage, type PullPolicy } from './pull-policy.ts'
import { explainPull, pullImage, transferAll, type ImageWish, type TransferOptions } from './transfer.ts'

export interface BringOptions {
  /** Overrides the services' own policy. */
  readonly pull?: string | undefined
  readonly quietPull?: boolean | undefined
  readonly dryRun?: boolean | undefined
}

export interface BroughtImages {
  /** Image reference -> id, as in Observed; "" for what a dry run would pull. */
  readonly images: ReadonlyMap<string, string>
  /** Whether any may be another one than before. */
  readonly changed: boolean
  readonly failures: ReadonlyMap<string, MycomposeError>
}

interface Candidate extends ImageWish {
  readonly policy: PullPolicy
  readonly service: string
}

async function present(context: ProjectContext, reference: string): Promise<PresentImage | undefined> {
  try {
    const { Metadata, Os, Architecture, Variant = '' } = await context.client.images.inspect(reference)
    return {
      taggedAt: Metadata.LastTagTime,
      platform: [Os, Architecture, ...(Variant === '' ? [] : [Variant])].join('/'),
    }
  } catch (error) {
    if (error instanceof NotFoundError) return undefined
    throw error
  }
}

/** The engine is asked only where the policy needs more than to know that the image is here. */
async function isWanted(
  context: ProjectContext,
  { reference, platform, policy }: Candidate,
  images: ReadonlyMap<string, string>,
): Promise<boolean> {
  if (policy.kind === 'never' || policy.kind === 'build') return false
  if (policy.kind === 'always' || !images.has(reference)) return true
  if (policy.kind === 'missing' && platform === undefined) return false
  const found = await present(context, reference)
  const isOther = found !== undefined && platform !== undefined && !isForPlatform(found.platform, platform)
  return isOther || mustPull(policy, found, context.clock.nowMs())
}

/** @throws the failure of a pull that a policy wants although the image is here and cannot be built */
export async function bringImages(
  context: ProjectContext,
  project: Project,
  services: readonly Service[],
  images: ReadonlyMap<string, string>,
  options: BringOptions,
): Promise<BroughtImages> {
  const built = new Set(Object.values(project.services).flatMap((one) => (isBuildable(one) ? (one.image ?? []) : [])))
  const candidates = services.flatMap((service): Candidate[] => {
    if (service.image === undefined) return []
    const policy = pullPolicyOf(service, options.pull)
    // another service builds it
    if (!isBuildable(service) && built.has(service.image) && policy.kind === 'missing') return []
    return [{ reference: service.image, platform: platformOf(project, service), policy, service: service.name }]
  })
  const wanted = await Promise.all(
    candidates.map(async (candidate) => ((await isWanted(context, candidate, images)) ? [candidate] : [])),
  )
  const wishes = wanted.flat()
  if (wishes.length === 0) return { images, changed: false, failures: new Map() }
  if (options.dryRun === true) return pretend(context, wishes, images)
  const transferOptions: TransferOptions = { quiet: options.quietPull }
  const failed = await transferAll(context, wishes, (wish) => pullImage(context, wish, transferOptions))
  const failures = new Map(
    [...failed].map(([reference, error]) => {
      const names = wishes.filter((wish) => wish.reference === reference).map(({ service }) => service)
      return [reference, explainPull(reference, names, error)]
    }),
  )
  const present = [...failures].find(([reference]) => images.has(reference) && !built.has(reference))
  if (present !== undefined) throw present[1]
  const references = Object.values(project.services).map((service) => imageReference(project.name, service))
  return { images: await observeImages(context.client, references), changed: true, failures }
}

function pretend(
  { sink }: ProjectContext,
  wishes: readonly ImageWish[],
  images: ReadonlyMap<string, string>,
): BroughtImages {
  for (const { reference } of wishes) {
    sink.progress({ id: imageResource(reference), status: 'working', text: 'Pulling' })
    sink.progress({ id: imageResource(reference), status: 'done', text: 'Pulled' })
  }
  const pretended = wishes.map(({ reference }): [string, string] => [reference, images.get(reference) ?? ''])
  return { images: new Map([...images, ...pretended]), changed: false, failures: new Map() }
}
