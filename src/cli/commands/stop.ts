/** `stop`: options; the work is project/stop.ts. */
import type { Command } from 'commander'
import { stop } from '../../project/stop.ts'
import { addExamples } from '../help.ts'
import { integer, present } from '../options.ts'
import type { Invoke } from '../program.ts'

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Stops running containers, in reverse order of their dependencies, and keeps them.')
    .argument('[SERVICE...]', 'only these services')
    .option('-t, --timeout <seconds>', 'how long containers get before they are killed', integer)
    .action((services: readonly string[], { timeout }: { readonly timeout?: number }) =>
      invoke(async (session) => {
        const target = await session.target()
        await session.use((context) => stop(context, target, { services, ...present({ timeoutSeconds: timeout }) }))
      }),
    )
  addExamples(command, [
    ['stop', 'the whole project; `mycompose start` starts it again'],
    ['stop -t 1 worker', 'one service, quickly'],
  ])
}
