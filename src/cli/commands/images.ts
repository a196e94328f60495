/** `images`: the images that the project's containers were made from, with docker compose's columns and keys. */
import { Option, type Command } from 'commander'
import type { ImageInspect } from '../../api/types/index.ts'
import { ps, type PsContainer } from '../../project/ps.ts'
import { formatBytes } from '../../units.ts'
import { addExamples } from '../help.ts'
import { formatAgo } from '../output/relative-time.ts'
import { formatTable } from '../output/table.ts'
import type { Invoke } from '../program.ts'
import type { Session } from '../session.ts'
import { splitReference } from './image-names.ts'

interface ImagesFlags {
  readonly format: 'table' | 'json'
  readonly quiet?: boolean
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description("Lists the images of a project's containers, stopped ones included.")
    .argument('[SERVICE...]', 'only these services')
    .addOption(new Option('--format <format>', 'output format').choices(['table', 'json']).default('table'))
    .option('-q, --quiet', 'only image ids')
    .action((services: readonly string[], flags: ImagesFlags) => invoke((session) => run(session, services, flags)))
  addExamples(command, [
    ['images', 'as a table'],
    ['images --format json', 'for scripts'],
  ])
}

async function run(session: Session, services: readonly string[], flags: ImagesFlags): Promise<void> {
  const target = await session.target()
  const found = await session.use(async (context) => {
    const { client } = context
    const [containers, list] = await Promise.all([ps(context, target, { services, all: true }), client.images.list()])
    // the list has a date also for an image that says nothing of its own
    const dates = new Map(list.map(({ Id, Created }) => [Id, Created]))
    return await Promise.all(
      containers.map(async (container) => {
        const { Image } = await client.containers.inspect(container.id)
        const image = await client.images.inspect(Image)
        return { container, image, createdSeconds: dates.get(image.Id) ?? Date.parse(image.Created) / 1000 }
      }),
    )
  })
  await session.print(formatImages(found, flags, session.io.host.clock.nowMs()))
}

interface UsedImage {
  readonly container: PsContainer
  readonly image: ImageInspect
  readonly createdSeconds: number
}

function formatImages(found: readonly UsedImage[], { quiet, format }: ImagesFlags, nowMs: number): string {
  if (quiet === true) return [...new Set(found.map(({ image }) => `${shortId(image.Id)}\n`))].join('')
  if (format === 'json') {
    const entries = found.map(({ container, image }) => ({
      ID: image.Id,
      ContainerName: container.name,
      ...repositoryAndTag(container, image),
      Platform: platformOf(image),
      Size: image.Size,
      Created: image.Created,
      LastTagTime: image.Metadata.LastTagTime,
    }))
    return `${JSON.stringify(entries)}\n`
  }
  const rows = found.map(({ container, image, createdSeconds }) => {
    const { Repository, Tag } = repositoryAndTag(container, image)
    const created = formatAgo(createdSeconds, nowMs)
    return [container.name, Repository, Tag, platformOf(image), shortId(image.Id), formatBytes(image.Size), created]
  })
  return formatTable(['CONTAINER', 'REPOSITORY', 'TAG', 'PLATFORM', 'IMAGE ID', 'SIZE', 'CREATED'], rows)
}

function repositoryAndTag({ image: wanted }: PsContainer, image: ImageInspect): { Repository: string; Tag: string } {
  const reference = image.RepoTags.find((tag) => tag === wanted || tag === `${wanted}:latest`) ?? image.RepoTags[0]
  const { repository, tag } = splitReference(reference ?? '<none>:<none>')
  return { Repository: repository, Tag: tag }
}

const platformOf = ({ Os, Architecture, Variant }: ImageInspect): string =>
  [Os, Architecture, ...(Variant === undefined || Variant === '' ? [] : [Variant])].join('/')

const shortId = (id: string): string => id.replace('sha256:', '').slice(0, 12)
