/** `scale`: `up` of the named services with other numbers of containers. */
import type { Command } from 'commander'
import { UsageError } from '../../errors.ts'
import { formatPlan } from '../../project/plan.ts'
import { up } from '../../project/up.ts'
import { addExamples } from '../help.ts'
import { scale } from '../options.ts'
import type { Invoke } from '../program.ts'
import { toUpOptions } from './up.ts'

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Starts or removes containers until each named service has as many as asked for.')
    .argument('<SERVICE=NUM...>', 'services and numbers')
    .option('--no-deps', 'leave dependencies alone')
    .action((pairs: readonly string[], { deps }: { readonly deps: boolean }) =>
      invoke(async (session) => {
        const numbers = pairs.reduce<Readonly<Record<string, number>>>((all, pair) => {
          if (!/^[^=]+=\d{1,6}$/.test(pair))
            throw new UsageError(`cannot scale by "${pair}"`, { hint: 'write SERVICE=NUM, such as web=3' })
          return scale(pair, all)
        }, {})
        const services = Object.keys(numbers)
        const project = await session.project({ services, withoutDependencies: !deps })
        const options = toUpOptions(services, { deps, scale: numbers }, project, session.globals.dryRun)
        const { plan } = await session.use((context) => up(context, project, options))
        if (session.globals.dryRun) await session.print(formatPlan(plan))
      }),
    )
  addExamples(command, [
    ['scale web=3 worker=2', 'several services at once'],
    ['scale --no-deps web=0', 'none at all'],
  ])
}
