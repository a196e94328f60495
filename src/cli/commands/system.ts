/** `system df|prune`: what everything takes on the disk, and getting rid of what nobody uses. Source: docker system. */
import { Option, type Command } from 'commander'
import type { DiskUsage } from '../../api/types/index.ts'
import { formatBytes } from '../../units.ts'
import { addExamples } from '../help.ts'
import { write } from '../io.ts'
import { collect } from '../options.ts'
import { formatTable } from '../output/table.ts'
import { confirm } from '../prompt.ts'
import type { Invoke } from '../program.ts'
import { refuseDryRun, type Session } from '../session.ts'
import { formatCacheTable } from './builder.ts'
import { parseFilters } from './list-filters.ts'

interface DfFlags {
  readonly format: 'table' | 'json'
  readonly verbose?: boolean
}

interface PruneFlags {
  readonly all?: boolean
  readonly force?: boolean
  readonly volumes?: boolean
  readonly filter?: readonly string[]
}

export function define(command: Command, invoke: Invoke): void {
  command.helpCommand(false).description('The disk: what is used, and what may go.')
  const df = command
    .command('df')
    .description('Shows what images, containers, volumes, the build cache and kept blobs take on the disk.')
    .addOption(new Option('--format <format>', 'output format').choices(['table', 'json']).default('table'))
    .option('-v, --verbose', 'each image, container, volume and record of the build cache')
    .action((flags: DfFlags) => invoke((session) => showUsage(session, flags)))
  addExamples(df, [
    ['system df', 'in sum'],
    ['system df -v', 'one by one'],
  ])
  const prune = command
    .command('prune')
    .description('Removes stopped containers, unused networks, untagged images and unused build cache, after asking.')
    .option('-a, --all', 'also named images that no container uses')
    .option('-f, --force', 'do not ask')
    .option('--volumes', 'also anonymous volumes that no container uses')
    .option('--filter <filter>', 'label=KEY[=VALUE], label!=KEY, until=24h (may be repeated)', collect)
    .action((flags: PruneFlags) => invoke((session) => pruneAll(session, flags)))
  addExamples(prune, [['system prune -af --volumes', 'all that nothing uses']])
  addExamples(command, [['system df', 'what is used']])
}

interface Row {
  readonly Type: string
  readonly TotalCount: number
  readonly Active: number
  readonly Size: number
  readonly Reclaimable: number
}

const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0)

/** PURE. One row a kind; docker's rule for images: what no container needs and no other image shares. */
export function toUsageRows({ Images, LayersSize, Containers, Volumes, BuildCache, Blobs }: DiskUsage): Row[] {
  const used = Images.filter((image) => image.Containers > 0)
  const active = Containers.filter(({ State }) => ['running', 'paused', 'restarting'].includes(State))
  const sizeRw = ({ SizeRw = 0 }: { readonly SizeRw?: number }): number => SizeRw
  const held = Volumes.filter(({ UsageData }) => (UsageData?.RefCount ?? 0) > 0)
  const bytes = (list: DiskUsage['Volumes']): number => sum(list.map(({ UsageData }) => UsageData?.Size ?? 0))
  const rows: Row[] = [
    {
      Type: 'Images',
      TotalCount: Images.length,
      Active: used.length,
      Size: LayersSize,
      Reclaimable: Math.max(0, LayersSize - sum(used.map(({ Size, SharedSize }) => Size - SharedSize))),
    },
    {
      Type: 'Containers',
      TotalCount: Containers.length,
      Active: active.length,
      Size: sum(Containers.map((one) => sizeRw(one))),
      Reclaimable: sum(Containers.filter((one) => !active.includes(one)).map((one) => sizeRw(one))),
    },
    {
      Type: 'Local Volumes',
      TotalCount: Volumes.length,
      Active: held.length,
      Size: bytes(Volumes),
      Reclaimable: bytes(Volumes) - bytes(held),
    },
  ]
  const cache = BuildCache ?? []
  rows.push({
    Type: 'Build Cache',
    TotalCount: cache.length,
    Active: cache.filter(({ InUse }) => InUse).length,
    // what images share with it is theirs
    Size: sum(cache.filter(({ Shared }) => !Shared).map(({ Size }) => Size)),
    Reclaimable: sum(cache.filter(({ InUse, Shared }) => !InUse && !Shared).map(({ Size }) => Size)),
  })
  // another engine than ours keeps none, or does not say
  if (Blobs === undefined) return rows
  return [
    ...rows,
    { Type: 'Image Blobs', TotalCount: Blobs.Count, Active: 0, Size: Blobs.Size, Reclaimable: Blobs.Reclaimable },
  ]
}

async function showUsage(session: Session, { format, verbose }: DfFlags): Promise<void> {
  const usage = await (await session.client()).diskUsage()
  const rows = toUsageRows(usage)
  if (format === 'json')
    return await session.print(
      verbose === true ? `${JSON.stringify(usage)}\n` : rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
    )
  const cells = rows.map(({ Type, TotalCount, Active, Size, Reclaimable }) => {
    const share = Size === 0 ? '' : ` (${Math.floor((Reclaimable * 100) / Size)}%)`
    return [Type, String(TotalCount), String(Active), formatBytes(Size), `${formatBytes(Reclaimable)}${share}`]
  })
  await session.print(formatTable(['TYPE', 'TOTAL', 'ACTIVE', 'SIZE', 'RECLAIMABLE'], cells))
  if (verbose === true) await session.print(formatDetails(usage))
}

const shortId = (id: string): string => id.replace('sha256:', '').slice(0, 12)

function formatDetails({ Images, Containers, Volumes, BuildCache }: DiskUsage): string {
  const images = Images.map((image) => [
    image.RepoTags[0] ?? '<none>:<none>',
    shortId(image.Id),
    formatBytes(image.Size),
    formatBytes(image.SharedSize),
    formatBytes(image.Size - image.SharedSize),
    String(image.Containers),
  ])
  const containers = Containers.map(({ Id, Image, State, SizeRw = 0, Names }) => [
    shortId(Id),
    Image,
    State,
    formatBytes(SizeRw),
    (Names[0] ?? '').replace(/^\//, ''),
  ])
  const volumes = Volumes.map(({ Name, UsageData }) => [
    Name,
    String(UsageData?.RefCount ?? 0),
    formatBytes(UsageData?.Size ?? 0),
  ])
  return [
    '\nImages:\n\n',
    formatTable(['IMAGE', 'IMAGE ID', 'SIZE', 'SHARED SIZE', 'UNIQUE SIZE', 'CONTAINERS'], images),
    '\nContainers:\n\n',
    formatTable(['CONTAINER ID', 'IMAGE', 'STATUS', 'SIZE', 'NAME'], containers),
    '\nLocal Volumes:\n\n',
    formatTable(['VOLUME NAME', 'LINKS', 'SIZE'], volumes),
    '\nBuild Cache:\n\n',
    formatCacheTable(BuildCache ?? []),
  ].join('')
}

/** In docker's order: what containers hold is free only after them. */
async function pruneAll(session: Session, { all = false, force, volumes = false, filter }: PruneFlags): Promise<void> {
  refuseDryRun(session, 'system prune')
  const filters = parseFilters(filter)
  if (force !== true) {
    const doomed = [
      'all stopped containers',
      'all networks not used by at least one container',
      ...(volumes ? ['all anonymous volumes not used by at least one container'] : []),
      all ? 'all images without at least one container' : 'all untagged images',
      all ? 'all build cache' : 'unused build cache',
    ]
    await write(session.io.stderr, `WARNING! This will remove:\n${doomed.map((line) => `  - ${line}\n`).join('')}\n`)
    if (!(await confirm(session.io, 'Are you sure you want to continue?'))) return
  }
  const { prune, builds } = await session.client()
  const { until: _until, ...volumeFilters } = filters
  const containers = await prune.containers(filters)
  const networks = await prune.networks(filters)
  const pruned = volumes ? await prune.volumes(volumeFilters) : undefined
  const images = await prune.images({ ...filters, ...(all ? { dangling: ['false'] } : {}) })
  const { 'label!': _not, label: _label, ...cacheFilters } = filters
  const cache = await builds.prune({ all, filters: cacheFilters })
  const section = (title: string, lines: readonly string[]): string =>
    lines.length === 0 ? '' : `${title}:\n${lines.map((line) => `${line}\n`).join('')}\n`
  const steps = (images.ImagesDeleted ?? []).map((step) =>
    'Untagged' in step ? `untagged: ${step.Untagged}` : `deleted: ${step.Deleted}`,
  )
  const total = sum([
    containers.SpaceReclaimed,
    pruned?.SpaceReclaimed ?? 0,
    images.SpaceReclaimed,
    cache.SpaceReclaimed,
  ])
  await session.print(
    [
      section('Deleted Containers', containers.ContainersDeleted ?? []),
      section('Deleted Networks', networks.NetworksDeleted ?? []),
      section('Deleted Volumes', pruned?.VolumesDeleted ?? []),
      section('Deleted Images', steps),
      section('Deleted build cache objects', cache.CachesDeleted ?? []),
      `Total reclaimed space: ${formatBytes(total)}\n`,
    ].join(''),
  )
}
