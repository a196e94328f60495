/** `export`: the root file system of a service's container as a tar. Source: docker compose export. */
import type { Command } from 'commander'
import { copyTargets } from '../../project/copy.ts'
import { addExamples } from '../help.ts'
import { positiveInteger, present } from '../options.ts'
import type { Invoke } from '../program.ts'
import { refuseDryRun } from '../session.ts'
import { writeOut } from '../tar-files.ts'

export function define(command: Command, invoke: Invoke): void {
  command
    .description("Writes the root file system of a service's container, without its volumes, as a tar.")
    .argument('<SERVICE>', 'its first container, or see --index')
    .option('--index <n>', 'this replica of the service', positiveInteger)
    .option('-o, --output <file>', 'write there instead of to standard output')
    .action((service: string, { index, output }: { readonly index?: number; readonly output?: string }) =>
      invoke(async (session) => {
        refuseDryRun(session, 'export')
        const target = await session.target()
        const context = await session.context()
        const wish = { kind: 'from', service, source: '/', target: '-' } as const
        const [container] = await copyTargets(context, target, wish, present({ index }))
        if (container === undefined) return
        await writeOut(session, output, await context.client.containers.export(container.id, session.signal))
      }),
    )
  addExamples(command, [
    ['export -o web.tar web', 'into a file'],
    ['export web | mycompose image import - web:flat', 'as an image of one layer'],
  ])
}
