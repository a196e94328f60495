/** `start`: options; the work is project/start.ts. */
import type { Command } from 'commander'
import { start } from '../../project/start.ts'
import { addExamples } from '../help.ts'
import { integer, present } from '../options.ts'
import type { Invoke } from '../program.ts'

interface StartFlags {
  readonly wait?: boolean
  readonly waitTimeout?: number
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Starts containers that exist and do not run, what they depend on first. Creates nothing.')
    .argument('[SERVICE...]', 'only these services')
    .option('--wait', 'wait until the services run and are healthy')
    .option('--wait-timeout <seconds>', 'give up waiting after this time', integer)
    .action((services: readonly string[], { wait, waitTimeout }: StartFlags) =>
      invoke(async (session) => {
        const target = await session.target()
        const waitTimeoutMs = waitTimeout === undefined || waitTimeout <= 0 ? undefined : waitTimeout * 1000
        await session.use((context) => start(context, target, { services, ...present({ wait, waitTimeoutMs }) }))
      }),
    )
  addExamples(command, [
    ['start', 'the whole project'],
    ['start --wait db', 'one service, until it is healthy'],
  ])
}
