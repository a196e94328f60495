/** `top`: the processes of each container as the engine tells them. */
import type { Command } from 'commander'
import { addExamples } from '../help.ts'
import { formatTable } from '../output/table.ts'
import type { Invoke } from '../program.ts'
import { containersIn } from './services.ts'

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Shows the processes that run in the containers of services.')
    .argument('[SERVICE...]', 'only these services')
    .action((services: readonly string[]) =>
      invoke(async (session) => {
        const target = await session.target()
        const text = await session.use(async (context) => {
          const containers = await containersIn(context, target, services, ['running'])
          const tables = containers.map(async ({ id, name, service }) => {
            const { Titles, Processes } = await context.client.containers.top(id)
            return { titles: Titles, rows: Processes.map((row) => [service, name].concat(row)) }
          })
          const all = await Promise.all(tables)
          const titles = all[0]?.titles
          if (titles === undefined) return ''
          return formatTable(
            ['SERVICE', 'CONTAINER', ...titles],
            all.flatMap(({ rows }) => rows),
          )
        })
        await session.print(text)
      }),
    )
  addExamples(command, [
    ['top', 'the whole project'],
    ['top web', 'one service'],
  ])
}
