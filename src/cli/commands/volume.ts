/** `volume ls|rm|inspect`: the engine's volumes, of all projects and of none. */
import { Option, type Command } from 'commander'
import type { Volume } from '../../api/types/index.ts'
import { addExamples } from '../help.ts'
import { present } from '../options.ts'
import { formatTable } from '../output/table.ts'
import type { Invoke } from '../program.ts'
import type { Session } from '../session.ts'
import { inspectEach, removeEach } from './resources.ts'

interface ListFlags {
  readonly format: 'table' | 'json'
  readonly quiet?: boolean
}

export function define(command: Command, invoke: Invoke): void {
  command.helpCommand(false).description("The engine's volumes: data that outlives containers.")
  const list = command
    .command('ls')
    .alias('list')
    .description('Lists volumes.')
    .addOption(new Option('--format <format>', 'output format').choices(['table', 'json']).default('table'))
    .option('-q, --quiet', 'only names')
    .action((flags: ListFlags) => invoke((session) => listVolumes(session, flags)))
  addExamples(list, [
    ['volume ls', 'as a table'],
    ['volume ls --format json', 'one JSON object a line'],
  ])
  const remove = command
    .command('rm')
    .alias('remove')
    .description('Removes volumes that no container uses: their data is lost.')
    .argument('<VOLUME...>', 'names')
    .option('-f, --force', 'no error for a volume that does not exist')
    .action((names: readonly string[], { force }: { readonly force?: boolean }) =>
      invoke((session) =>
        removeEach(session, 'volume rm', names, async (client, name) => {
          await client.volumes.remove(name, present({ force }))
          return [name]
        }),
      ),
    )
  addExamples(remove, [['volume rm shop_data', 'and its data']])
  const inspect = command
    .command('inspect')
    .description('Prints everything about volumes as a JSON array.')
    .argument('<VOLUME...>', 'names')
    .addOption(new Option('--format <format>', 'output format').choices(['json']).default('json'))
    .action((names: readonly string[]) =>
      invoke((session) => inspectEach(session, names, (client, name) => client.volumes.inspect(name))),
    )
  addExamples(inspect, [['volume inspect shop_data', 'where it is, its labels']])
  addExamples(command, [['volume ls', 'what there is']])
}

async function listVolumes(session: Session, { format, quiet }: ListFlags): Promise<void> {
  const found = await (await session.client()).volumes.list()
  const volumes = found.toSorted((a, b) => (a.Name < b.Name ? -1 : 1))
  if (quiet === true) return await session.print(volumes.map(({ Name }) => `${Name}\n`).join(''))
  if (format === 'json') return await session.print(volumes.map(formatVolume).join(''))
  const rows = volumes.map(({ Driver, Name }) => [Driver, Name])
  await session.print(formatTable(['DRIVER', 'VOLUME NAME'], rows))
}

/** One JSON line with the docker CLI's keys. */
export function formatVolume({ Name, Driver, Mountpoint, Labels, Scope }: Volume): string {
  const labels = Object.entries(Labels ?? {}).map(([key, value]) => `${key}=${value}`)
  return `${JSON.stringify({ Driver, Labels: labels.toSorted().join(','), Mountpoint, Name, Scope })}\n`
}
