/** `builder prune|du`: the build cache. Source: docker builder. */
import { Option, type Command } from 'commander'
import type { BuildCacheRecord } from '../../api/types/build.ts'
import { formatBytes, parseBytes } from '../../units.ts'
import { UsageError } from '../../errors.ts'
import { addExamples } from '../help.ts'
import { write } from '../io.ts'
import { collect, present } from '../options.ts'
import { formatTable } from '../output/table.ts'
import { confirm } from '../prompt.ts'
import type { Invoke } from '../program.ts'
import { refuseDryRun, type Session } from '../session.ts'
import { parseFilters } from './list-filters.ts'

interface PruneFlags {
  readonly all?: boolean
  readonly force?: boolean
  readonly filter?: readonly string[]
  readonly keepStorage?: string
  readonly reservedSpace?: string
}

interface UsageFlags {
  readonly format: 'json' | 'table'
}

export function define(command: Command, invoke: Invoke): void {
  command.helpCommand(false).description('The build cache: what it takes, and making it smaller.')
  const prune = command
    .command('prune')
    .description('Removes what builds have left and nothing uses, least recently used first, after asking.')
    .option('-a, --all', 'also what images still stand on, and the contents of cache mounts')
    .option('-f, --force', 'do not ask')
    .option('--filter <filter>', 'until=24h, id=ID, type=TYPE, inuse, shared, private (may be repeated)', collect)
    .option('--keep-storage <bytes>', 'so much may stay, as 10GB')
    .addOption(new Option('--reserved-space <bytes>', 'as --keep-storage').hideHelp())
    .action((flags: PruneFlags) => invoke((session) => pruneCache(session, flags)))
  addExamples(prune, [
    ['builder prune -f', 'what nothing uses'],
    ['builder prune -f --filter until=168h', 'what was not used for a week'],
    ['builder prune -af --keep-storage 5GB', 'everything but the newest 5 GB'],
  ])
  const du = command
    .command('du')
    .description('Lists the records of the build cache, latest use first.')
    .addOption(new Option('--format <format>', 'output format').choices(['table', 'json']).default('table'))
    .action((flags: UsageFlags) => invoke((session) => listCache(session, flags)))
  addExamples(du, [['builder du', 'what the cache holds']])
  addExamples(command, [['builder prune', 'make it smaller']])
}

async function pruneCache(session: Session, flags: PruneFlags): Promise<void> {
  refuseDryRun(session, 'builder prune')
  const { all = false, force, filter } = flags
  const keep = flags.reservedSpace ?? flags.keepStorage
  const keepBytes = keep === undefined ? undefined : parseBytes(keep)
  if (keep !== undefined && keepBytes === undefined)
    throw new UsageError(`invalid size "${keep}"`, { hint: 'write it as 512MB or 10GB' })
  const filters = parseFilters(filter?.map((text) => (text.includes('=') ? text : `${text}=true`)))
  if (force !== true) {
    const what = all ? 'all build cache' : 'all dangling build cache'
    await write(session.io.stderr, `WARNING! This will remove ${what}.\n`)
    if (!(await confirm(session.io, 'Are you sure you want to continue?'))) return
  }
  const { builds } = await session.client()
  const { CachesDeleted, SpaceReclaimed } = await builds.prune(present({ all, keepBytes, filters }))
  const ids = CachesDeleted ?? []
  const list = ids.length === 0 ? '' : `Deleted build cache objects:\n${ids.map((id) => `${id}\n`).join('')}\n`
  await session.print(`${list}Total reclaimed space: ${formatBytes(SpaceReclaimed)}\n`)
}

async function listCache(session: Session, { format }: UsageFlags): Promise<void> {
  const { BuildCache } = await (await session.client()).diskUsage()
  const records = BuildCache ?? []
  if (format === 'json') {
    await session.print(records.map((record) => `${JSON.stringify(record)}\n`).join(''))
    return
  }
  await session.print(formatCacheTable(records))
}

/** PURE. */
export function formatCacheTable(records: readonly BuildCacheRecord[]): string {
  const rows = records.map(({ ID, Type, Size, CreatedAt, LastUsedAt, UsageCount, InUse, Description }) => [
    ID.replace('sha256:', '').slice(0, 12),
    Type,
    formatBytes(Size),
    CreatedAt.slice(0, 19),
    (LastUsedAt ?? '').slice(0, 19),
    String(UsageCount),
    String(InUse),
    Description,
  ])
  return formatTable(['CACHE ID', 'TYPE', 'SIZE', 'CREATED', 'LAST USED', 'USAGE', 'IN USE', 'DESCRIPTION'], rows)
}
