/** `image save|load|history|prune`: images in files, where they come from, and what of them nobody needs. */
import type { Command } from 'commander'
import { MycomposeError, UsageError } from '../../errors.ts'
import { formatBytes } from '../../units.ts'
import { addExamples } from '../help.ts'
import { write } from '../io.ts'
import { collect, present } from '../options.ts'
import { formatAgo } from '../output/relative-time.ts'
import { formatTable, truncate } from '../output/table.ts'
import { confirm } from '../prompt.ts'
import type { Invoke } from '../program.ts'
import { refuseDryRun, type Session } from '../session.ts'
import { openFile, writeOut } from '../tar-files.ts'
import { parseFilters } from './list-filters.ts'

export function defineArchive(command: Command, invoke: Invoke): void {
  const save = command
    .command('save')
    .description('Writes images into one tar that docker, podman and skopeo read (docker archive and OCI layout).')
    .argument('<IMAGE...>', 'names or ids; a name without tag means all its tags')
    .option('-o, --output <file>', 'write there instead of to standard output')
    .action((names: readonly string[], { output }: { readonly output?: string }) =>
      invoke(async (session) => {
        refuseDryRun(session, 'image save')
        await writeOut(session, output, await (await session.client()).images.save(names, session.signal))
      }),
    )
  addExamples(save, [
    ['image save -o web.tar web:1 db:1', 'two images, layers they share once'],
    ['image save web:1 | zstd > web.tar.zst', 'through a compressor'],
  ])
  const load = command
    .command('load')
    .description('Takes images from a docker archive or an OCI layout in a tar (plain, gzip or zstd).')
    .option('-i, --input <file>', 'read it instead of standard input')
    .option('-q, --quiet', 'no progress')
    .action((flags: LoadFlags) => invoke((session) => loadImages(session, flags)))
  addExamples(load, [
    ['image load -i web.tar', 'from a file'],
    ['image load < web.tar.gz', 'from standard input'],
  ])
  const history = command
    .command('history')
    .description('Shows the steps that an image was made in, newest first.')
    .argument('<IMAGE>', 'name or id')
    .option('--format <format>', 'table or json', 'table')
    .option('--no-trunc', 'whole ids and commands')
    .option('-q, --quiet', 'only ids')
    .action((name: string, flags: HistoryFlags) => invoke((session) => showHistory(session, name, flags)))
  addExamples(history, [['image history web:1', 'what each layer is and how large']])
  const prune = command
    .command('prune')
    .description('Removes untagged images that no container uses, after asking.')
    .option('-a, --all', 'also named images that no container uses')
    .option('-f, --force', 'do not ask')
    .option('--filter <filter>', 'label=KEY[=VALUE], label!=KEY, until=24h (may be repeated)', collect)
    .action((flags: PruneFlags) => invoke((session) => pruneImages(session, flags)))
  addExamples(prune, [['image prune -af --filter until=168h', 'all that is older than a week and unused']])
}

interface LoadFlags {
  readonly input?: string
  readonly quiet?: boolean
}

interface HistoryFlags {
  readonly format: string
  readonly trunc: boolean
  readonly quiet?: boolean
}

interface PruneFlags {
  readonly all?: boolean
  readonly force?: boolean
  readonly filter?: readonly string[]
}

async function loadImages(session: Session, { input, quiet }: LoadFlags): Promise<void> {
  refuseDryRun(session, 'image load')
  const { stdin } = session.io
  if (input === undefined && stdin.isTTY === true)
    throw new UsageError('nothing to load: standard input is a terminal', { hint: 'give a file with -i' })
  const tar = input === undefined ? stdin : await openFile(session, input)
  const client = await session.client()
  const renderer = await session.renderer()
  const loaded: string[] = []
  try {
    for await (const { error, stream, status, id, progressDetail } of client.images.load(tar, present({ quiet }))) {
      if (error !== undefined) throw new MycomposeError(error, { code: 'IMAGE_FAILED' })
      if (stream !== undefined) loaded.push(stream)
      else if (status !== undefined && id !== undefined && quiet !== true) {
        const { current, total } = progressDetail ?? {}
        const isDone = current !== undefined && current === total
        renderer.progress({
          id: `Layer ${id}`,
          status: isDone ? 'done' : 'working',
          text: isDone ? 'Loaded' : status,
          ...present({ current, total }),
        })
      }
    }
  } finally {
    await renderer.settle()
  }
  session.signal.throwIfAborted()
  await session.print(loaded.join(''))
}

async function showHistory(session: Session, name: string, { format, trunc, quiet }: HistoryFlags): Promise<void> {
  const items = await (await session.client()).images.history(name)
  const short = (id: string): string => (trunc ? id.replace('sha256:', '').slice(0, 12) : id)
  if (quiet === true) return await session.print(items.map(({ Id }) => `${short(Id)}\n`).join(''))
  if (format === 'json') return await session.print(items.map((item) => `${JSON.stringify(item)}\n`).join(''))
  const nowMs = session.io.host.clock.nowMs()
  const rows = items.map(({ Id, Created, CreatedBy, Size, Comment }) => {
    const by = trunc ? truncate(CreatedBy, 45) : CreatedBy
    return [Id === '<missing>' ? Id : short(Id), formatAgo(Created, nowMs), by, formatBytes(Size), Comment]
  })
  await session.print(formatTable(['IMAGE', 'CREATED', 'CREATED BY', 'SIZE', 'COMMENT'], rows))
}

async function pruneImages(session: Session, { all = false, force, filter }: PruneFlags): Promise<void> {
  refuseDryRun(session, 'image prune')
  const filters = { ...parseFilters(filter), ...(all ? { dangling: ['false'] } : {}) }
  const what = all ? 'all images without at least one container' : 'all untagged images'
  if (force !== true) {
    await write(session.io.stderr, `WARNING! This will remove ${what}.\n`)
    if (!(await confirm(session.io, 'Are you sure you want to continue?'))) return
  }
  const { ImagesDeleted, SpaceReclaimed } = await (await session.client()).prune.images(filters)
  const lines = (ImagesDeleted ?? []).map((step) =>
    'Untagged' in step ? `untagged: ${step.Untagged}\n` : `deleted: ${step.Deleted}\n`,
  )
  await session.print(`${lines.join('')}Total reclaimed space: ${formatBytes(SpaceReclaimed)}\n`)
}
