/** `version`: touches nothing but the standard output. */
import { Option, type Command } from 'commander'
import { VERSION } from '../../version.ts'
import { addExamples } from '../help.ts'
import type { Invoke } from '../program.ts'

interface VersionFlags {
  readonly format: 'pretty' | 'json'
  readonly short?: boolean
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Prints the version of mycompose. `mycompose engine status` tells the one of the running engine.')
    .addOption(new Option('-f, --format <format>', 'output format').choices(['pretty', 'json']).default('pretty'))
    .option('--short', 'only the number')
    .action(({ format, short }: VersionFlags) =>
      invoke((session) => {
        if (short === true) return session.print(`${VERSION}\n`)
        if (format === 'json') return session.print(`${JSON.stringify({ version: `v${VERSION}` })}\n`)
        return session.print(`mycompose version v${VERSION}\n`)
      }),
    )
  addExamples(command, [
    ['version', 'for people'],
    ['version --short', 'only the number'],
    ['version -f json', 'for scripts'],
  ])
}
