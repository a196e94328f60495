/**
 * `config --resolve-image-digests`: what the images of a project mean at their registries now, as names that cannot come
 * to mean something else. Source: docker compose's `config`.
 */
import { parseReference, toCanonicalTag } from '../api/reference.ts'
import type { Project, Service } from '../compose/model.ts'
import { MycomposeError } from '../errors.ts'
import type { ProjectContext } from './context.ts'
import { throwFirst, transferAll } from './transfer.ts'

/** "docker.io/library/web:1@sha256:...", as docker compose prints it. */
async function pin(context: ProjectContext, image: string): Promise<string> {
  const reference = parseReference(image)
  const { domain, path, digest } = reference
  if (digest !== undefined) return `${domain}/${path}@${digest}`
  const { client, signal } = context
  const auth = await context.loginFor?.(image)
  const options = { abort: signal, ...(auth === undefined ? {} : { auth }) }
  const { Descriptor } = await client.images.distribution(image, options)
  return `${toCanonicalTag(reference)}@${Descriptor.digest}`
}

/**
 * The project with images by digest; services without an image stay as they are. Each name is asked for once.
 * @throws the first failure, with the messages of all
 */
export async function pinImages(context: ProjectContext, project: Project): Promise<Project> {
  const services: readonly Service[] = Object.values(project.services)
  const pinned = new Map<string, string>()
  const wishes = services.flatMap(({ image }) => (image === undefined ? [] : [{ reference: image }]))
  const failures = await transferAll(context, wishes, async ({ reference }) => {
    pinned.set(reference, await pin(context, reference))
  })
  throwFirst([...failures].map(([reference, error]) => explain(services, reference, error)))
  const withDigest = (service: Service): Service => {
    const image = pinned.get(service.image ?? '')
    return image === undefined ? service : { ...service, image }
  }
  return {
    ...project,
    services: Object.fromEntries(services.map((service) => [service.name, withDigest(service)])),
  }
}

function explain(services: readonly Service[], image: string, error: MycomposeError): MycomposeError {
  const names = services.filter((service) => service.image === image).map(({ name }) => name)
  return new MycomposeError(
    `cannot find the digest of image "${image}" of service "${names.join('", "')}": ${error.message}`,
    { code: error.code, hint: error.hint, cause: error },
  )
}
