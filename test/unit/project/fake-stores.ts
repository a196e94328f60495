/** Networks, volumes and images of the engine in memory. */
import type { ImagesApi, NetworksApi, VolumesApi } from '../../../src/api/client/client.ts'
import type { NetworkInspect, Volume } from '../../../src/api/types/index.ts'
import { ConflictError, NotFoundError } from '../../../src/errors.ts'
import {
  hasLabel,
  tagged,
  toImageInspect,
  toImageSummary,
  toNetwork,
  toVolume,
  type FakeContainer,
  type FakeImage,
} from './fake-documents.ts'

/** What they share with the containers. */
export interface FakeState {
  readonly containers: Map<string, FakeContainer>
  readonly networks: Map<string, NetworkInspect>
  readonly volumes: Map<string, Volume>
  readonly images: Map<string, FakeImage>
  /** What can be pulled: reference -> id. */
  readonly registry: Map<string, string>
  readonly newId: () => string
  /** Records it, and fails when the test wants it to. */
  readonly request: (text: string) => Promise<void>
  readonly find: (idOrName: string) => FakeContainer
  readonly nameOf: (id: string) => string
}

export const notAsked = (): Promise<never> => Promise.reject(new Error('not asked for'))

export function createFakeNetworks({ containers, networks, newId, request, find, nameOf }: FakeState): NetworksApi {
  return {
    async list() {
      await request('list networks')
      return [...networks.values()]
    },
    async inspect(name) {
      await request(`inspect network ${name}`)
      const found = networks.get(name)
      if (found === undefined) throw new NotFoundError(`network ${name} not found`)
      return found
    },
    async create(body) {
      await request(`create network ${body.Name}`)
      if (networks.has(body.Name)) throw new ConflictError(`network ${body.Name} exists`)
      const network = toNetwork(newId(), body.Name, body.Labels ?? {})
      networks.set(body.Name, network)
      return { Id: network.Id }
    },
    async remove(id) {
      const found = [...networks.values()].find((one) => one.Id === id || one.Name === id)
      if (found === undefined) throw new NotFoundError(`network ${id} not found`)
      await request(`remove network ${found.Name}`)
      if ([...containers.values()].some((one) => one.networks.has(found.Name))) throw new ConflictError('in use')
      networks.delete(found.Name)
    },
    async connect(network, id) {
      await request(`connect ${nameOf(id)} ${network}`)
      find(id).networks.add(network)
    },
    async disconnect(network, id) {
      await request(`disconnect ${nameOf(id)} ${network}`)
      find(id).networks.delete(network)
    },
  }
}

export function createFakeVolumes({ containers, volumes, newId, request }: FakeState): VolumesApi {
  return {
    async list() {
      await request('list volumes')
      return [...volumes.values()]
    },
    async inspect(name) {
      await request(`inspect volume ${name}`)
      const found = volumes.get(name)
      if (found === undefined) throw new NotFoundError(`no such volume: ${name}`)
      return found
    },
    async create(body) {
      await request(`create volume ${body.Name}`)
      const volume = toVolume(body.Name ?? newId(), body.Labels ?? {})
      volumes.set(volume.Name, volume)
      return volume
    },
    async remove(name) {
      await request(`remove volume ${name}`)
      const isUsed = [...containers.values()].some((one) => one.mounts.some((mount) => mount.Name === name))
      if (isUsed) throw new ConflictError(`volume ${name} is in use`)
      volumes.delete(name)
    },
  }
}

export function createFakeImages({ containers, images, registry, request }: FakeState): ImagesApi {
  return {
    async list({ filters = {} } = {}) {
      await request('list images')
      const labels = filters['label'] ?? []
      return [...images]
        .map(([reference, { id, labels: own }]) => toImageSummary(reference, id, own))
        .filter(({ Labels }) => labels.every((label) => hasLabel(Labels ?? {}, label)))
    },
    async inspect(reference) {
      await request(`inspect image ${reference}`)
      const image = images.get(reference)
      if (image === undefined) throw new NotFoundError(`No such image: ${reference}`)
      return toImageInspect(reference, image)
    },
    async remove(reference) {
      await request(`remove image ${reference}`)
      const known = [...images].find(([name, { id }]) => tagged(name) === tagged(reference) || id === reference)
      if (known === undefined) throw new NotFoundError(`No such image: ${reference}`)
      if ([...containers.values()].some(({ imageId }) => imageId === known[1].id))
        throw new ConflictError(`image ${reference} is in use`)
      images.delete(known[0])
      return [{ Untagged: reference }]
    },
    history: notAsked,
    save: notAsked,
    load: () => {
      throw new Error('not asked for')
    },
    tag: () => Promise.resolve(),
    async *pull(reference, { platform, auth } = {}) {
      const wish = platform === undefined ? '' : ` for ${platform}`
      await request(`pull ${reference}${wish}${auth === undefined ? '' : ` as ${auth.username}`}`)
      const id = registry.get(reference)
      if (id === undefined) throw new NotFoundError(`the registry has not got ${reference}`)
      yield { status: 'Pulling fs layer', id: 'a1' }
      yield { status: 'Downloading', id: 'a1', progressDetail: { current: 1, total: 2 } }
      yield { status: 'Pull complete', id: 'a1' }
      images.set(reference, { id, healthcheck: false })
    },
    async *push(reference) {
      await request(`push ${reference}`)
      yield { status: 'Pushed', id: 'a1' }
    },
    distribution: (reference) =>
      Promise.resolve({
        Descriptor: { mediaType: '', digest: `sha256:${reference}`, size: 1 },
        Platforms: [],
      }),
    import: () => {
      throw new Error('the fake engine imports nothing')
    },
    bootstrap: () => {
      throw new Error('the fake engine bootstraps nothing')
    },
  }
}
