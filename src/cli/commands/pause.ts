/** `pause`: the engine does it; here only which containers. */
import type { Command } from 'commander'
import { addExamples } from '../help.ts'
import type { Invoke } from '../program.ts'
import { actOnEach, containersIn } from './services.ts'

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Freezes the processes of running containers.')
    .argument('[SERVICE...]', 'only these services')
    .action((services: readonly string[]) =>
      invoke(async (session) => {
        const target = await session.target()
        await session.use(async (context) => {
          const containers = await containersIn(context, target, services, ['running', 'paused'])
          await actOnEach(context, containers, { working: 'Pausing', done: 'Paused' }, (client, id) =>
            client.containers.pause(id),
          )
        })
      }),
    )
  addExamples(command, [
    ['pause', 'the whole project'],
    ['pause db', 'freeze one service; `mycompose unpause db` lets it go on'],
  ])
}
