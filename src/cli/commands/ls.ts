/** `ls`: the projects of an engine, found by labels in project/ls.ts. */
import { Option, type Command } from 'commander'
import { UsageError } from '../../errors.ts'
import { ls } from '../../project/ls.ts'
import { addExamples } from '../help.ts'
import { collect, present } from '../options.ts'
import { formatTable } from '../output/table.ts'
import type { Invoke } from '../program.ts'
import type { Session } from '../session.ts'

interface LsFlags {
  readonly all?: boolean
  readonly filter?: readonly string[]
  readonly format: 'table' | 'json'
  readonly quiet?: boolean
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Lists the projects that run on the engine.')
    .option('-a, --all', 'stopped projects too')
    .option('--filter <name=REGEX>', 'only projects whose name matches (may be repeated)', collect)
    .addOption(new Option('--format <format>', 'output format').choices(['table', 'json']).default('table'))
    .option('-q, --quiet', 'only names')
    .action((flags: LsFlags) => invoke((session) => run(session, flags)))
  addExamples(command, [
    ['ls', 'what runs'],
    ['ls -a --format json', 'everything, for scripts'],
  ])
}

async function run(session: Session, { all, filter = [], format, quiet }: LsFlags): Promise<void> {
  const patterns = filter.map(parseFilter)
  const found = await session.use((context) => ls(context, present({ all })))
  const projects = found.filter(({ name }) => patterns.every((pattern) => pattern.test(name)))
  if (quiet === true) return await session.print(projects.map(({ name }) => `${name}\n`).join(''))
  if (format === 'json') {
    const entries = projects.map(({ name, status, configFiles }) => {
      return { Name: name, Status: status, ConfigFiles: configFiles.join(',') }
    })
    return await session.print(`${JSON.stringify(entries)}\n`)
  }
  const rows = projects.map(({ name, status, configFiles }) => [name, status, configFiles.join(',')])
  await session.print(formatTable(['NAME', 'STATUS', 'CONFIG FILES'], rows))
}

function parseFilter(text: string): RegExp {
  const [key, ...pattern] = text.split('=')
  try {
    if (key === 'name' && pattern.length > 0) return new RegExp(pattern.join('='))
  } catch (cause) {
    throw new UsageError(`invalid regular expression in filter "${text}"`, { cause })
  }
  throw new UsageError(`invalid filter "${text}"`, { hint: 'only name=REGEX can be filtered' })
}
