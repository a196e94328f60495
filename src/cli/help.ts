/** The part of `-h` below the options. */
import type { Command } from 'commander'

/** Adds examples (command line, what it does) and the pointer to the global options. */
export function addExamples(command: Command, examples: readonly (readonly [line: string, what: string])[]): Command {
  const width = Math.max(...examples.map(([line]) => line.length)) + 2
  const lines = examples.map(([line, what]) => `  $ mycompose ${line.padEnd(width)} ${what}`.trimEnd())
  return command.addHelpText(
    'after',
    `\nExamples:\n${lines.join('\n')}\n\nGlobal options (-f, -p, --profile, --progress, ...) stand before the command: mycompose -h\n`,
  )
}
