/** `kill`: options; the work is project/kill.ts. */
import type { Command } from 'commander'
import { kill } from '../../project/kill.ts'
import { addExamples } from '../help.ts'
import { present, signalName } from '../options.ts'
import type { Invoke } from '../program.ts'

interface KillFlags {
  readonly removeOrphans?: boolean
  readonly signal: string
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Sends a signal to the running containers of services.')
    .argument('[SERVICE...]', 'only these services')
    .option('--remove-orphans', 'remove containers of services that the file no longer has')
    .option('-s, --signal <signal>', 'the signal, by name or number', signalName, 'SIGKILL')
    .action((services: readonly string[], { signal, removeOrphans }: KillFlags) =>
      invoke(async (session) => {
        const target = await session.target()
        const options = { services, signal, ...present({ removeOrphans }) }
        await session.use((context) => kill(context, target, options))
      }),
    )
  addExamples(command, [
    ['kill', 'everything, at once'],
    ['kill -s SIGHUP web', 'tell a server to read its configuration again'],
  ])
}
