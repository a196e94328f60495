/** `restart`: options; the work is project/restart.ts. */
import type { Command } from 'commander'
import { restart } from '../../project/restart.ts'
import { addExamples } from '../help.ts'
import { integer, present } from '../options.ts'
import type { Invoke } from '../program.ts'

interface RestartFlags {
  /** False: --no-deps. */
  readonly deps: boolean
  readonly timeout?: number
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description(
      'Stops and starts the same containers, and those that depend on them with `restart: true`.\n' +
        'Changes of the file have no effect: `mycompose up -d` is for those.',
    )
    .argument('[SERVICE...]', 'only these services')
    .option('--no-deps', 'leave dependents alone')
    .option('-t, --timeout <seconds>', 'how long containers get before they are killed', integer)
    .action((services: readonly string[], { deps, timeout }: RestartFlags) =>
      invoke(async (session) => {
        const target = await session.target()
        const options = { services, noDeps: !deps, ...present({ timeoutSeconds: timeout }) }
        await session.use((context) => restart(context, target, options))
      }),
    )
  addExamples(command, [
    ['restart', 'the whole project'],
    ['restart --no-deps web', 'one service and nothing else'],
  ])
}
