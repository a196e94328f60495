/** `create`: `up` that starts nothing. */
import { Option, type Command } from 'commander'
import { formatPlan } from '../../project/plan.ts'
import { up } from '../../project/up.ts'
import { addExamples } from '../help.ts'
import { noOption, scale } from '../options.ts'
import type { Invoke } from '../program.ts'
import { checkUpFlags, toUpOptions, type UpFlags } from './up.ts'

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Creates networks, volumes and containers as `up` does, and starts none of them.')
    .argument('[SERVICE...]', 'only these services, with what they depend on')
    .option('--build', 'build images first, also those that are there')
    .addOption(noOption('--no-build', 'build no image, even if it is missing'))
    .option('--force-recreate', 'recreate containers even if nothing has changed')
    .option('--no-recreate', 'keep containers that exist, even if their configuration has changed')
    .addOption(new Option('--pull <policy>', 'when to pull images').choices(['always', 'missing', 'never', 'build']))
    .option('--quiet-build', 'no progress of builds')
    .option('--quiet-pull', 'no progress of the layers that are pulled')
    .option('--remove-orphans', 'remove containers of services that the file no longer has')
    .option('--scale <SERVICE=NUM>', 'how many containers of a service (may be repeated)', scale)
    .option('-y, --yes', 'answer every question with yes')
    .action((services: readonly string[], created: UpFlags) =>
      invoke(async (session) => {
        const flags: UpFlags = { ...created, deps: true, start: false }
        checkUpFlags(flags)
        const project = await session.project({ services })
        const options = toUpOptions(services, flags, project, session.globals.dryRun)
        const { plan } = await session.use((context) => up(context, project, options))
        if (session.globals.dryRun) await session.print(formatPlan(plan))
      }),
    )
  addExamples(command, [
    ['create', 'everything; `mycompose start` starts it'],
    ['create --force-recreate web', 'anew'],
  ])
}
