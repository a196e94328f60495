/** `image ls|pull|push|import|bootstrap|rm|inspect|tag`: the engine's images; image-archive.ts has more of them. */
import { Option, type Command } from 'commander'
import type { ImageSummary, ProgressMessage } from '../../api/types/index.ts'
import { MycomposeError } from '../../errors.ts'
import { formatBytes } from '../../units.ts'
import { addExamples } from '../help.ts'
import { collect, present } from '../options.ts'
import { formatAgo } from '../output/relative-time.ts'
import { formatTable } from '../output/table.ts'
import type { Invoke } from '../program.ts'
import { refuseDryRun, type Session } from '../session.ts'
import { openFile } from '../tar-files.ts'
import { defineArchive } from './image-archive.ts'
import { splitReference } from './image-names.ts'
import { defineTransfers } from './image-transfer.ts'
import { parseFilters } from './list-filters.ts'
import { inspectEach, removeEach } from './resources.ts'

interface ImportFlags {
  readonly change?: readonly string[]
  readonly message?: string
}

interface BootstrapFlags {
  readonly change?: readonly string[]
  readonly include?: readonly string[]
  readonly tag?: string
}

const CHANGE = `Dockerfile instruction for the configuration: 'CMD ["nginx"]', 'ENV A=b' (may be repeated)`

export function define(command: Command, invoke: Invoke): void {
  command.helpCommand(false).description("The engine's images: what containers are made from.")
  defineList(command, invoke)
  defineImport(command, invoke)
  defineBootstrap(command, invoke)
  defineTransfers(command, invoke)
  defineArchive(command, invoke)
  defineOthers(command, invoke)
  addExamples(command, [
    ['image pull debian:bookworm-slim', 'from its registry'],
    ['image bootstrap debian:bookworm-slim', 'a base image from the package mirror, no registry needed'],
    ['image ls', 'what there is'],
  ])
}

function defineList(command: Command, invoke: Invoke): void {
  const list = command
    .command('ls')
    .alias('list')
    .description('Lists images.')
    .addOption(new Option('--format <format>', 'output format').choices(['table', 'json']).default('table'))
    .option('-q, --quiet', 'only ids')
    .option('--digests', 'with the digests that registries know them by')
    .option('--no-trunc', 'whole ids')
    .option('--filter <filter>', 'reference=GLOB, dangling=true, label=K[=V], before|since=IMAGE, until=24h', collect)
    .action((flags: ListFlags) => invoke((session) => listImages(session, flags)))
  addExamples(list, [
    ['image ls', 'as a table'],
    ['image ls --format json', 'one JSON object a line'],
    ['image ls --filter reference=team/*', 'by name'],
  ])
}

function defineImport(command: Command, invoke: Invoke): void {
  const importer = command
    .command('import')
    .description('Makes an image of one layer from a tar of a root file system (plain, gzip or zstd).')
    .argument('<FILE>', 'the tar, or "-" for standard input')
    .argument('[NAME[:TAG]]', 'what to call it')
    .option('-c, --change <instruction>', CHANGE, collect)
    .option('-m, --message <text>', 'a comment in its history')
    .action((file: string, reference: string | undefined, flags: ImportFlags) =>
      invoke((session) => importImage(session, file, reference, flags)),
    )
  addExamples(importer, [
    [`image import rootfs.tar mine:1 -c 'CMD ["sh"]'`, 'from a file'],
    ['image import - mine:2 < rootfs.tar.gz', 'from standard input'],
  ])
}

function defineBootstrap(command: Command, invoke: Invoke): void {
  const bootstrap = command
    .command('bootstrap')
    .description("Makes a base image from the distribution's own package mirror: for machines without a registry.")
    .argument('<IMAGE>', 'distribution and suite: debian:bookworm-slim')
    .option('-c, --change <instruction>', CHANGE, collect)
    .option('--include <packages>', 'packages to install besides: a,b (may be repeated)', collect)
    .option('--tag <name:tag>', 'what to call the image (default: as the argument, with the packages: IMAGE-a-b)')
    .action((reference: string, flags: BootstrapFlags) =>
      invoke((session) => bootstrapImage(session, reference, flags)),
    )
  addExamples(bootstrap, [
    ['image bootstrap debian:bookworm-slim', 'the base'],
    ['image bootstrap debian:bookworm-slim --include nginx-light --tag nginx:debian', 'with a package, shared base'],
  ])
}

function defineOthers(command: Command, invoke: Invoke): void {
  const remove = command
    .command('rm')
    .alias('remove')
    .description('Removes images, or only names of them while they have others.')
    .argument('<IMAGE...>', 'names or ids')
    .option('-f, --force', 'also when stopped containers use them')
    .action((names: readonly string[], { force }: { readonly force?: boolean }) =>
      invoke((session) => removeImages(session, names, force)),
    )
  addExamples(remove, [['image rm mine:1 mine:2', 'both']])
  const inspect = command
    .command('inspect')
    .description('Prints everything about images as a JSON array.')
    .argument('<IMAGE...>', 'names or ids')
    .addOption(new Option('--format <format>', 'output format').choices(['json']).default('json'))
    .action((names: readonly string[]) =>
      invoke((session) => inspectEach(session, names, (client, name) => client.images.inspect(name))),
    )
  addExamples(inspect, [['image inspect debian:bookworm-slim', 'configuration, layers, size']])
  const tag = command
    .command('tag')
    .description('Gives an image a further name.')
    .argument('<IMAGE>', 'name or id')
    .argument('<NAME[:TAG]>', 'the new name')
    .action((image: string, name: string) =>
      invoke(async (session) => {
        refuseDryRun(session, 'image tag')
        const { repository, tag: given } = splitReference(name)
        await (await session.client()).images.tag(image, repository, given === '<none>' ? 'latest' : given)
      }),
    )
  addExamples(tag, [['image tag mine:1 mine:latest', 'a second name']])
}

interface ListFlags {
  readonly format: 'table' | 'json'
  readonly quiet?: boolean
  readonly digests?: boolean
  readonly trunc: boolean
  readonly filter?: readonly string[]
}

interface ListRow {
  readonly image: ImageSummary
  readonly repository: string
  readonly tag: string
  readonly digest: string
  /** Set when the name means another image, and has this one for its platform. */
  readonly isOther: boolean
}

/** A row for each name, also for those that have the image for its platform only; an image without one has a row too. */
function toRows(image: ImageSummary): ListRow[] {
  const { RepoTags, PlatformOf = [] } = image
  const names = [...RepoTags, ...PlatformOf]
  return (names.length > 0 ? names : ['<none>:<none>']).map((name) => {
    const { repository, tag } = splitReference(name)
    const known = image.RepoDigests.find((text) => text.startsWith(`${repository}@`))
    const digest = known?.slice(known.indexOf('@') + 1) ?? '<none>'
    return { image, repository, tag, digest, isOther: PlatformOf.includes(name) }
  })
}

async function listImages(session: Session, { format, quiet, digests, trunc, filter }: ListFlags): Promise<void> {
  const images = await (await session.client()).images.list({ filters: parseFilters(filter) })
  const idOf = (id: string): string => (trunc ? shortId(id) : id)
  if (quiet === true) return await session.print(images.map(({ Id }) => `${idOf(Id)}\n`).join(''))
  const rows = images.flatMap((image) => toRows(image))
  if (format === 'json') {
    const lines = rows.map(({ image: { Id, Size, Created, Platform }, repository, tag, digest }) => {
      const names = { ID: Id, Repository: repository, Tag: tag, Digest: digest, Platform }
      return `${JSON.stringify({ ...names, CreatedAt: new Date(Created * 1000).toISOString(), Size })}\n`
    })
    return await session.print(lines.join(''))
  }
  const nowMs = session.io.host.clock.nowMs()
  const cells = rows.map(({ image: { Id, Created, Size, Platform = '?' }, repository, tag, digest, isOther }) => {
    const shown = isOther ? `${tag} (${Platform})` : tag
    const name = digests === true ? [repository, shown, digest] : [repository, shown]
    return name.concat(idOf(Id), formatAgo(Created, nowMs), formatBytes(Size))
  })
  const names = digests === true ? ['REPOSITORY', 'TAG', 'DIGEST'] : ['REPOSITORY', 'TAG']
  await session.print(formatTable([...names, 'IMAGE ID', 'CREATED', 'SIZE'], cells))
}

async function importImage(
  session: Session,
  file: string,
  reference: string | undefined,
  { change, message }: ImportFlags,
): Promise<void> {
  refuseDryRun(session, 'image import')
  const tar = file === '-' ? session.io.stdin : await openFile(session, file)
  const client = await session.client()
  const messages = client.images.import(tar, present({ reference, changes: change, message }))
  await session.print(`${await follow(session, reference ?? file, messages)}\n`)
}

async function bootstrapImage(session: Session, reference: string, flags: BootstrapFlags): Promise<void> {
  refuseDryRun(session, 'image bootstrap')
  const include = flags.include?.flatMap((list) => list.split(/[\s,]+/)).filter((name) => name !== '')
  const client = await session.client()
  const request = { Reference: reference, ...present({ Tag: flags.tag, Include: include, Changes: flags.change }) }
  const messages = client.images.bootstrap(request, session.signal)
  await session.print(`${await follow(session, flags.tag ?? reference, messages)}\n`)
}

/** Shows the progress; the result is the image's id, which the last message carries. */
async function follow(session: Session, name: string, messages: AsyncIterable<ProgressMessage>): Promise<string> {
  const renderer = await session.renderer()
  const id = `Image ${name}`
  let last = ''
  try {
    for await (const message of messages) {
      if (message.error !== undefined)
        throw new MycomposeError(message.error, { code: 'IMAGE_FAILED', hint: 'see also `mycompose doctor`' })
      const text = (message.status ?? message.stream ?? '').trim()
      if (text === '') continue
      last = text
      if (/^sha256:[0-9a-f]{64}$/.test(text)) continue
      const { current, total } = message.progressDetail ?? {}
      const about = message.id === undefined ? {} : { details: message.id }
      renderer.progress({ id, status: 'working', text, ...about, ...present({ current, total }) })
    }
    session.signal.throwIfAborted()
    renderer.progress({ id, status: 'done', text: 'Created' })
    return last
  } catch (error) {
    renderer.progress({ id, status: 'error', text: 'Error' })
    throw error
  } finally {
    await renderer.settle()
  }
}

async function removeImages(session: Session, names: readonly string[], force: boolean | undefined): Promise<void> {
  await removeEach(session, 'image rm', names, async (client, name) => {
    const done = await client.images.remove(name, present({ force }))
    return done.map((step) => ('Untagged' in step ? `Untagged: ${step.Untagged}` : `Deleted: ${step.Deleted}`))
  })
}

const shortId = (id: string): string => id.replace('sha256:', '').slice(0, 12)
