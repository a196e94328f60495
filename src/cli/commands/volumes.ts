/** `volumes`: the project's volumes, found by their label. */
import { Option, type Command } from 'commander'
import { NotFoundError } from '../../errors.ts'
import { addExamples } from '../help.ts'
import { formatTable } from '../output/table.ts'
import type { Invoke } from '../program.ts'
import type { Session } from '../session.ts'
import { formatVolume } from './volume.ts'

interface VolumesFlags {
  readonly format: 'table' | 'json'
  readonly quiet?: boolean
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Lists the volumes that were made for a project.')
    .argument('[SERVICE...]', 'only volumes that these services use')
    .addOption(new Option('--format <format>', 'output format').choices(['table', 'json']).default('table'))
    .option('-q, --quiet', 'only names')
    .action((services: readonly string[], flags: VolumesFlags) => invoke((session) => run(session, services, flags)))
  addExamples(command, [
    ['volumes', 'of the whole project'],
    ['volumes -q db', 'names of those that one service uses'],
  ])
}

async function run(session: Session, services: readonly string[], { format, quiet }: VolumesFlags): Promise<void> {
  const target = await session.target()
  const client = await session.client()
  const all = await client.volumes.list({ label: [`com.docker.compose.project=${target.name}`] })
  const used = services.length === 0 ? undefined : usedBy(target.project, services)
  const volumes = all
    .filter(({ Name }) => used === undefined || used.has(Name))
    .toSorted((a, b) => (a.Name < b.Name ? -1 : 1))
  if (quiet === true) await session.print(volumes.map(({ Name }) => `${Name}\n`).join(''))
  else if (format === 'json') await session.print(volumes.map(formatVolume).join(''))
  else
    await session.print(
      formatTable(
        ['DRIVER', 'VOLUME NAME'],
        volumes.map(({ Driver, Name }) => [Driver, Name]),
      ),
    )
}

function usedBy(
  project: Awaited<ReturnType<Session['target']>>['project'],
  services: readonly string[],
): ReadonlySet<string> {
  const names = services.flatMap((name) => {
    const service = project?.services[name]
    if (service === undefined) throw new NotFoundError(`no such service: ${name}`, { code: 'NO_SUCH_SERVICE' })
    return service.volumes.flatMap((volume) =>
      volume.type === 'volume' && volume.source !== undefined ? [project?.volumes[volume.source]?.name] : [],
    )
  })
  return new Set(names.filter((name) => name !== undefined))
}
