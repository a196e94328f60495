/** `rm`: options and the question; the work is project/rm.ts. */
import type { Command } from 'commander'
import { findRemovable, rm } from '../../project/rm.ts'
import { addExamples } from '../help.ts'
import { present } from '../options.ts'
import { confirm } from '../prompt.ts'
import type { Invoke } from '../program.ts'
import type { Session } from '../session.ts'

interface RmFlags {
  readonly force?: boolean
  readonly stop?: boolean
  readonly volumes?: boolean
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Removes stopped containers of services, after asking. Networks and named volumes are kept.')
    .argument('[SERVICE...]', 'only these services')
    .option('-f, --force', 'do not ask')
    .option('-s, --stop', 'stop running containers first')
    .option('-v, --volumes', 'remove anonymous volumes too')
    .action((services: readonly string[], flags: RmFlags) => invoke((session) => run(session, services, flags)))
  addExamples(command, [
    ['rm', 'what has stopped, after a question'],
    ['rm -fsv worker', 'stop and remove one service, and its anonymous volumes'],
  ])
}

async function run(session: Session, services: readonly string[], flags: RmFlags): Promise<void> {
  const { stop, volumes, force } = flags
  const target = await session.target()
  const options = { services, ...present({ stop, volumes }) }
  await session.use(async (context) => {
    const names = await findRemovable(context, target, options)
    if (names.length === 0) return await session.tell('No stopped containers\n')
    if (force !== true && !session.globals.dryRun) {
      await session.tell(`Going to remove ${names.join(', ')}\n`)
      if (!(await confirm(session.io, 'Are you sure?'))) return
    }
    await rm(context, target, options)
  })
}
