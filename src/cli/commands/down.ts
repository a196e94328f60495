/** `down`: options; the work is project/down.ts. */
import { Option, type Command } from 'commander'
import { down } from '../../project/down.ts'
import { formatPlan } from '../../project/plan.ts'
import { addExamples } from '../help.ts'
import { integer, present } from '../options.ts'
import type { Invoke } from '../program.ts'
import type { Session } from '../session.ts'

interface DownFlags {
  readonly removeOrphans?: boolean
  readonly rmi?: 'all' | 'local'
  readonly timeout?: number
  readonly volumes?: boolean
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description(
      'Stops and removes the containers and networks of a project, in reverse order of their dependencies.\n' +
        'Named volumes are kept unless -v is given; external networks and volumes always are.',
    )
    .argument('[SERVICE...]', 'only these services (default: the whole project)')
    .option('--remove-orphans', 'remove containers of services that the file no longer has')
    .addOption(
      new Option(
        '--rmi <which>',
        'remove images too: "local" those that were built for the project, "all" every one that its services use',
      ).choices(['local', 'all']),
    )
    .option('-t, --timeout <seconds>', 'how long containers get to stop before they are killed', integer)
    .option('-v, --volumes', 'remove named volumes of the file and anonymous volumes too: their data is lost')
    .action((services: readonly string[], flags: DownFlags) => invoke((session) => run(session, services, flags)))
  addExamples(command, [
    ['down', 'stop and remove, keep the volumes'],
    ['down -v', 'remove the volumes too'],
    ['down --rmi local', 'remove the images that were built, too'],
    ['down -t 1 --remove-orphans', 'quickly, and everything that belongs to the project'],
    ['-p demo down', 'by name, from any folder'],
    ['down --dry-run', 'what would be removed'],
  ])
}

async function run(session: Session, services: readonly string[], flags: DownFlags): Promise<void> {
  const { dryRun } = session.globals
  const target = await session.target()
  const fromVariable = /^(?:1|t|true|y|yes)$/i.test(target.project?.environment['COMPOSE_REMOVE_ORPHANS'] ?? '')
  const { plan } = await session.use((context) =>
    down(context, target, {
      services,
      dryRun,
      removeOrphans: flags.removeOrphans ?? fromVariable,
      ...present({ volumes: flags.volumes, images: flags.rmi, timeoutSeconds: flags.timeout }),
    }),
  )
  if (dryRun) await session.print(formatPlan(plan))
}
