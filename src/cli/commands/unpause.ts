/** `unpause`: the engine does it; here only which containers. */
import type { Command } from 'commander'
import { addExamples } from '../help.ts'
import type { Invoke } from '../program.ts'
import { actOnEach, containersIn } from './services.ts'

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Lets the processes of paused containers go on.')
    .argument('[SERVICE...]', 'only these services')
    .action((services: readonly string[]) =>
      invoke(async (session) => {
        const target = await session.target()
        await session.use(async (context) => {
          const containers = await containersIn(context, target, services, ['paused'])
          await actOnEach(context, containers, { working: 'Unpausing', done: 'Unpaused' }, (client, id) =>
            client.containers.unpause(id),
          )
        })
      }),
    )
  addExamples(command, [
    ['unpause', 'the whole project'],
    ['unpause db', 'after `mycompose pause db`'],
  ])
}
