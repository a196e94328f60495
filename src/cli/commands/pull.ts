/** `pull`: the images of the services from their registries; the work is project/pull.ts. */
import { Option, type Command } from 'commander'
import { pull } from '../../project/pull.ts'
import { addExamples } from '../help.ts'
import { present } from '../options.ts'
import type { Invoke } from '../program.ts'
import { quietly, type Session } from '../session.ts'

interface PullFlags {
  readonly ignoreBuildable?: boolean
  readonly ignorePullFailures?: boolean
  readonly includeDeps?: boolean
  readonly policy?: 'always' | 'missing'
  readonly quiet?: boolean
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Pulls the images of services from their registries.')
    .argument('[SERVICE...]', 'only these services')
    .option('--ignore-buildable', 'leave out images that can be built')
    .option('--ignore-pull-failures', 'pull what can be pulled; failures are warnings')
    .option('--include-deps', 'also what the named services depend on')
    .addOption(new Option('--policy <policy>', 'instead of those of the file').choices(['missing', 'always']))
    .option('-q, --quiet', 'no progress')
    .action((services: readonly string[], flags: PullFlags) => invoke((session) => run(session, services, flags)))
  addExamples(command, [
    ['pull', 'the newest image of every service'],
    ['pull --policy missing', 'only what is not here'],
    ['pull --include-deps web', 'one service and what it depends on'],
  ])
}

async function run(session: Session, names: readonly string[], flags: PullFlags): Promise<void> {
  const project = await session.project({ services: names, withoutDependencies: flags.includeDeps !== true })
  const services = Object.values(project.services)
  const options = present({
    ignoreBuildable: flags.ignoreBuildable,
    ignoreFailures: flags.ignorePullFailures,
    policy: flags.policy,
  })
  await session.use((context) => pull(quietly(context, flags.quiet), project, services, options))
}
