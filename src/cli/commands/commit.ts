/** `commit`: an image from a service's container. Source: docker compose commit. */
import type { Command } from 'commander'
import { copyTargets } from '../../project/copy.ts'
import { addExamples } from '../help.ts'
import { collect, noOption, positiveInteger, present } from '../options.ts'
import type { Invoke } from '../program.ts'
import { refuseDryRun, type Session } from '../session.ts'
import { splitReference } from './image-names.ts'

interface CommitFlags {
  readonly author?: string
  readonly change?: readonly string[]
  readonly index?: number
  readonly message?: string
  readonly noPause?: boolean
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description("Makes an image of what a service's container has written, over the image that it was made from.")
    .argument('<SERVICE>', 'its first container, or see --index')
    .argument('[NAME[:TAG]]', 'what to call the image')
    .option('-a, --author <text>', 'who made it')
    .option('-c, --change <instruction>', `Dockerfile instruction: 'CMD ["x"]' (may be repeated)`, collect)
    .option('--index <n>', 'this replica of the service', positiveInteger)
    .option('-m, --message <text>', 'a comment in its history')
    .option('-p, --pause', 'freeze the container meanwhile (default)')
    .addOption(noOption('--no-pause', 'let it run on meanwhile'))
    .action((service: string, name: string | undefined, flags: CommitFlags) =>
      invoke((session) => run(session, service, name, flags)),
    )
  addExamples(command, [
    ['commit db db:filled', 'the state of the first container of db'],
    [`commit web web:2 -c 'CMD ["serve"]' -m "with the fix"`, 'with another command'],
  ])
}

async function run(session: Session, service: string, name: string | undefined, flags: CommitFlags): Promise<void> {
  refuseDryRun(session, 'commit')
  const target = await session.target()
  const context = await session.context()
  const wish = { kind: 'from', service, source: '/', target: '-' } as const
  const [container] = await copyTargets(context, target, wish, present({ index: flags.index }))
  if (container === undefined) return
  const { repository, tag } = name === undefined ? {} : splitReference(name)
  const id = await context.client.containers.commit(container.id, {
    pause: flags.noPause !== true,
    ...present({
      repository,
      tag: tag === '<none>' ? undefined : tag,
      author: flags.author,
      comment: flags.message,
      changes: flags.change,
    }),
  })
  await session.print(`${id}\n`)
}
