/** `wait`: options; the work is project/wait.ts. */
import type { Command } from 'commander'
import { down } from '../../project/down.ts'
import { wait } from '../../project/wait.ts'
import { addExamples } from '../help.ts'
import type { Invoke } from '../program.ts'

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Waits until the containers of services have ended; ends with the exit code of the last one.')
    .argument('<SERVICE...>', 'the services')
    .option('--down-project', 'stop and remove the whole project afterwards')
    .action((services: readonly string[], { downProject = false }: { readonly downProject?: boolean }) =>
      invoke(async (session) => {
        const target = await session.target()
        return await session.use(async (context) => {
          let exitCode = 0
          for await (const ended of wait(context, target, { services })) {
            exitCode = ended.exitCode
            await session.print(`container "${ended.id}" exited with status code ${exitCode}\n`)
            if (downProject) break // the first one decides, as with docker compose
          }
          if (downProject) await down(context, target, {})
          return exitCode
        })
      }),
    )
  addExamples(command, [
    ['wait migrate', 'until a job has ended, with its exit code'],
    ['wait --down-project tests', 'then remove everything'],
  ])
}
