/** `stats`: what containers use, as a table that renews itself, once, or as JSON lines with docker's keys. */
import { Option, type Command } from 'commander'
import type { Usage, StatsSampler } from '../../project/stats.ts'
import { formatBinaryBytes, formatBytes } from '../../units.ts'
import { addExamples } from '../help.ts'
import { present } from '../options.ts'
import { formatTable } from '../output/table.ts'
import type { Invoke } from '../program.ts'
import type { Session } from '../session.ts'

const PERIOD_MS = 1000
/** Between the two samples of --no-stream: the kernel counts a processor's time in steps of 10 ms. */
const FIRST_PERIOD_MS = 500
const HOME = '\u001B[H'
const CLEAR_SCREEN = '\u001B[2J'
const CLEAR_LINE = '\u001B[K'
const CLEAR_BELOW = '\u001B[J'

interface StatsFlags {
  readonly all?: boolean
  readonly format: 'table' | 'json'
  readonly stream: boolean
  readonly trunc: boolean
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Shows what the containers of services use: processor, memory, network, disk, processes.')
    .argument('[SERVICE...]', 'only these services')
    .option('-a, --all', 'stopped ones too')
    .addOption(new Option('--format <format>', 'output format').choices(['table', 'json']).default('table'))
    .option('--no-stream', 'print once and end')
    .option('--no-trunc', 'do not shorten ids')
    .action((services: readonly string[], flags: StatsFlags) => invoke((session) => run(session, services, flags)))
  addExamples(command, [
    ['stats', 'a table that renews itself each second; Ctrl-C ends it'],
    ['stats --no-stream web', 'one service, once'],
    ['stats --no-stream --format json', 'for programs: one JSON object a line'],
  ])
}

async function run(session: Session, services: readonly string[], flags: StatsFlags): Promise<void> {
  const { createSampler } = await import('../../project/stats.ts')
  const target = await session.target()
  await session.use(async (context) => {
    const sampler = createSampler(context, target, { services, ...present({ all: flags.all }) })
    await sampler.sample()
    await context.clock.sleep(FIRST_PERIOD_MS, session.signal)
    if (flags.stream) await follow(session, sampler, flags)
    else await session.print(formatUsages(await sampler.sample(), flags))
  })
}

async function follow(session: Session, sampler: StatsSampler, flags: StatsFlags): Promise<void> {
  const isLive = flags.format === 'table' && session.io.stdout.isTTY === true
  if (isLive) await session.print(CLEAR_SCREEN)
  while (!session.signal.aborted) {
    const text = formatUsages(await sampler.sample(), flags)
    // each line is cleared to its end: rewriting in place does not flicker as clearing the screen would
    await session.print(isLive ? `${HOME}${text.replaceAll('\n', `${CLEAR_LINE}\n`)}${CLEAR_BELOW}` : text)
    await session.io.host.clock.sleep(PERIOD_MS, session.signal)
  }
}

export function formatUsages(usages: readonly Usage[], flags: Pick<StatsFlags, 'format' | 'trunc'>): string {
  const cells = usages.map((usage) => toCells(usage, flags.trunc))
  if (flags.format === 'json') return cells.map((cell) => `${JSON.stringify(cell)}\n`).join('')
  return formatTable(
    ['CONTAINER ID', 'NAME', 'CPU %', 'MEM USAGE / LIMIT', 'MEM %', 'NET I/O', 'BLOCK I/O', 'PIDS'],
    cells.map(({ ID, Name, CPUPerc, MemUsage, MemPerc, NetIO, BlockIO, PIDs }) =>
      [ID, Name, CPUPerc, MemUsage, MemPerc, NetIO, BlockIO].concat(PIDs),
    ),
  )
}

/** docker's keys, in alphabetical order, with its texts; "--" for what does not run. */
function toCells({ id, name, now }: Usage, shorten: boolean) {
  const percent = (value: number): string => `${value.toFixed(2)}%`
  return {
    BlockIO: now === undefined ? '--' : `${formatBytes(now.readBytes)} / ${formatBytes(now.writtenBytes)}`,
    CPUPerc: now === undefined ? '--' : percent(now.cpuPercent),
    Container: name,
    ID: shorten ? id.slice(0, 12) : id,
    MemPerc: now === undefined ? '--' : percent(now.memoryPercent),
    MemUsage:
      now === undefined
        ? '-- / --'
        : `${formatBinaryBytes(now.memoryBytes)} / ${formatBinaryBytes(now.memoryLimitBytes)}`,
    Name: name,
    NetIO: now === undefined ? '--' : `${formatBytes(now.receivedBytes)} / ${formatBytes(now.sentBytes)}`,
    PIDs: now === undefined ? '--' : String(now.processes),
  }
}
