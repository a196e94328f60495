/** `logs`: options; which logs and in which order is project/logs.ts, how they look is output/log-printer.ts. */
import { Option, type Command } from 'commander'
import { logs } from '../../project/logs.ts'
import { addExamples } from '../help.ts'
import { positiveInteger, present, tailLines } from '../options.ts'
import { createJsonLogPrinter } from '../output/json-log-printer.ts'
import { createLogPrinter } from '../output/log-printer.ts'
import { plainStyle } from '../output/style.ts'
import type { Invoke } from '../program.ts'
import type { Session } from '../session.ts'

interface LogsFlags {
  readonly follow?: boolean
  readonly format: 'text' | 'json'
  readonly index?: number
  readonly color: boolean
  readonly logPrefix: boolean
  readonly merge?: boolean
  readonly since?: string
  readonly tail?: string
  readonly timestamps?: boolean
  readonly until?: string
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Shows what the containers of services have written, on standard output.')
    .argument('[SERVICE...]', 'only these services')
    .option('-f, --follow', 'go on with what comes, across restarts and new containers')
    .addOption(new Option('--format <format>', 'output format').choices(['text', 'json']).default('text'))
    .option('--index <n>', 'only this replica of the service', positiveInteger)
    .option('--merge', 'the lines of all containers in order of time')
    .option('--no-color', 'no colours')
    .option('--no-log-prefix', 'no prefix before the lines')
    .option('--since <time>', 'from this time on: 2026-01-02T13:23:37Z, or 42m for 42 minutes ago')
    .option('-n, --tail <lines>', 'only the last lines of each container: a number or all (default: all)', tailLines)
    .option('-t, --timestamps', 'show when each line was written')
    .option('--until <time>', 'up to this time: 2026-01-02T13:23:37Z, or 42m for 42 minutes ago')
    .action((services: readonly string[], flags: LogsFlags) => invoke((session) => run(session, services, flags)))
  addExamples(command, [
    ['logs', 'everything so far'],
    ['logs -f -n 20 web', 'the last 20 lines of a service, and what comes'],
    ['logs --since 10m --no-log-prefix db', 'the last ten minutes, lines as they are'],
    ['logs --merge -t web db', 'who said what, and when, in one order of time'],
    ['logs --format json', 'one JSON object a line, for programs'],
    ['-p demo logs -t', 'by project name, with times'],
  ])
}

async function run(session: Session, services: readonly string[], flags: LogsFlags): Promise<void> {
  const target = await session.target()
  const { stdout } = session.io
  const style = flags.color ? await session.style('stdout') : plainStyle
  const isJson = flags.format === 'json'
  const printer = isJson
    ? createJsonLogPrinter(stdout)
    : createLogPrinter({ stdout, stderr: stdout, style, prefix: flags.logPrefix })
  const { follow, index, merge, since, tail, until } = flags
  const timestamps = isJson || flags.timestamps
  await session.use(async (context) => {
    const events = logs(context, target, {
      services,
      ...present({ follow, index, merge, since, tail, timestamps, until }),
    })
    for await (const event of events) {
      const slow = printer.print(event)
      if (slow !== undefined) await slow
      if (session.signal.aborted) break
    }
  })
  await printer.flush()
  if (follow === true && session.signal.aborted) session.signal.throwIfAborted()
}
