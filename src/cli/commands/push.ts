/** `push`: the images that the services build, to their registries; the work is project/pull.ts. */
import type { Command } from 'commander'
import { push } from '../../project/pull.ts'
import { addExamples } from '../help.ts'
import { present } from '../options.ts'
import type { Invoke } from '../program.ts'
import { quietly, type Session } from '../session.ts'

interface PushFlags {
  readonly ignorePushFailures?: boolean
  readonly includeDeps?: boolean
  readonly quiet?: boolean
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Pushes the images of services that have both `build` and `image` to their registries.')
    .argument('[SERVICE...]', 'only these services')
    .option('--ignore-push-failures', 'push what can be pushed; failures are warnings')
    .option('--include-deps', 'also what the named services depend on')
    .option('-q, --quiet', 'no progress')
    .action((services: readonly string[], flags: PushFlags) => invoke((session) => run(session, services, flags)))
  addExamples(command, [
    ['push', 'everything that is built here'],
    ['push web', 'one service'],
    ['image push registry.example:5000/web:1', 'any image, by its name'],
  ])
}

async function run(session: Session, names: readonly string[], flags: PushFlags): Promise<void> {
  const project = await session.project({ services: names, withoutDependencies: flags.includeDeps !== true })
  const services = Object.values(project.services)
  const options = present({ ignoreFailures: flags.ignorePushFailures })
  await session.use((context) => push(quietly(context, flags.quiet), services, options))
}
