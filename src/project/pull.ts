/** `pull` and `push`: the images of the services, as docker compose does it. */
import type { Project, Service } from '../compose/model.ts'
import { MycomposeError } from '../errors.ts'
import type { ProjectContext } from './context.ts'
import { imageResource, platformOf } from './names.ts'
import { observeImages } from './observe.ts'
import { pullPolicyOf } from './pull-policy.ts'
import { explainPull, pullImage, pushImage, throwFirst, transferAll, type ImageWish } from './transfer.ts'

export interface PullOptions {
  readonly ignoreBuildable?: boolean
  readonly ignoreFailures?: boolean
  /** Overrides the services' own. */
  readonly policy?: 'always' | 'missing'
}

/** Why a service has nothing to pull; undefined when it has. `isPresent`: of its image. */
function skipReason(service: Service, options: PullOptions, isPresent: boolean): string | undefined {
  if (service.image === undefined) return 'No image to be pulled'
  if (options.ignoreBuildable === true && service.build !== undefined) return 'Image can be built'
  const text = options.policy ?? service.pullPolicy
  // the command asks for it now: how old an image may get is no reason against it
  const { kind } = pullPolicyOf({ pullPolicy: text ?? 'always' })
  if (kind === 'never') return 'Image is not pulled (pull_policy: never)'
  if (kind === 'build') return 'Image can be built'
  // "latest" means what it means now
  const isMoving = !service.image.includes('@') && /(?:^|\/)[^/:]+(?::latest)?$/.test(service.image)
  return kind === 'missing' && isPresent && !isMoving ? 'Image is already present locally' : undefined
}

/** @throws the first failure, unless failures are ignored or the image can be built */
export async function pull(
  context: ProjectContext,
  project: Project,
  services: readonly Service[],
  options: PullOptions,
): Promise<void> {
  const { client, sink, dryRun = false } = context
  const references = services.flatMap(({ image }) => image ?? [])
  const needsLook = services.some((service) => (options.policy ?? service.pullPolicy ?? 'always') !== 'always')
  const images = needsLook ? await observeImages(client, references) : new Map<string, string>()
  const wishes = new Map<string, ImageWish>()
  for (const service of services) {
    const { image = '' } = service
    const reason = skipReason(service, options, images.has(image))
    if (reason === undefined) wishes.set(image, { reference: image, platform: platformOf(project, service) })
    else if (!wishes.has(image))
      sink.progress({ id: resourceOf(service), status: 'warning', text: 'Skipped', details: reason })
  }
  const failures = await transferAll(context, [...wishes.values()], async (wish) => {
    if (dryRun) sink.progress({ id: imageResource(wish.reference), status: 'done', text: 'Pulled' })
    else await pullImage(context, wish)
  })
  tellFailures(context, services, [...failures], options.ignoreFailures === true)
}

function resourceOf({ image, name }: Service): string {
  return image === undefined ? name : imageResource(image)
}

function tellFailures(
  { sink }: ProjectContext,
  services: readonly Service[],
  failures: readonly (readonly [string, MycomposeError])[],
  ignore: boolean,
): void {
  const errors: MycomposeError[] = []
  for (const [reference, error] of failures) {
    const users = services.filter(({ image }) => image === reference)
    const names = users.map(({ name }) => name)
    const told = explainPull(reference, names, error)
    const isBuildable = users.every(({ build }) => build !== undefined)
    if (!ignore && !isBuildable) errors.push(told)
    else if (isBuildable)
      sink.notice({ level: 'warning', text: `${told.message}; it has to be built: mycompose build ${names.join(' ')}` })
    else sink.notice({ level: 'warning', text: told.message })
  }
  throwFirst(errors)
}

export interface PushOptions {
  readonly ignoreFailures?: boolean
}

/** Only what is built here: other images came from where they are. @throws the first failure, unless they are ignored */
export async function push(context: ProjectContext, services: readonly Service[], options: PushOptions): Promise<void> {
  const { sink, dryRun = false } = context
  const references = new Set<string>()
  for (const service of services) {
    const { image, build, name } = service
    if (image === undefined || build === undefined)
      sink.progress({
        id: name,
        status: 'done',
        text: 'Skipped',
        details: 'only images that are built and named are pushed',
      })
    else for (const reference of [image, ...(build.tags ?? [])]) references.add(reference)
  }
  const wishes = [...references].map((reference) => ({ reference }))
  const failures = await transferAll(context, wishes, async (wish) => {
    if (dryRun) sink.progress({ id: imageResource(wish.reference), status: 'done', text: 'Pushed' })
    else await pushImage(context, wish)
  })
  const errors = [...failures].map(
    ([reference, error]) =>
      new MycomposeError(`cannot push image "${reference}": ${error.message}`, {
        code: error.code,
        hint: error.hint,
        cause: error,
      }),
  )
  if (options.ignoreFailures !== true) throwFirst(errors)
  else for (const { message } of errors) sink.notice({ level: 'warning', text: message })
}
