/** `ps`: containers of the project as a table or JSON lines with docker compose's keys. */
import { Option, type Command } from 'commander'
import type { ContainerStatus } from '../../api/types/index.ts'
import { UsageError } from '../../errors.ts'
import { ps, type PsContainer } from '../../project/ps.ts'
import { addExamples } from '../help.ts'
import { collect, present } from '../options.ts'
import { formatPorts } from '../output/ports.ts'
import { formatAgo } from '../output/relative-time.ts'
import { formatTable, truncate } from '../output/table.ts'
import type { Invoke } from '../program.ts'
import type { Session } from '../session.ts'

const STATUSES: readonly ContainerStatus[] = [
  'paused',
  'restarting',
  'removing',
  'running',
  'dead',
  'created',
  'exited',
]
const COMMAND_WIDTH = 20

interface PsFlags {
  readonly all?: boolean
  readonly filter?: readonly string[]
  readonly format: 'table' | 'json'
  readonly trunc: boolean
  readonly orphans: boolean
  readonly quiet?: boolean
  readonly services?: boolean
  readonly status?: readonly string[]
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Lists the containers of a project: those that run, or all of them with -a.')
    .argument('[SERVICE...]', 'only these services')
    .option('-a, --all', 'stopped ones too')
    .option('--filter <status=STATE>', 'only containers in this state (may be repeated)', collect)
    .addOption(new Option('--format <format>', 'output format').choices(['table', 'json']).default('table'))
    .option('--no-orphans', 'leave out containers of services that the file does not have')
    .option('--no-trunc', 'do not shorten anything')
    .option('-q, --quiet', 'only container ids')
    .option('--services', 'only names of services')
    .option('--status <state>', `only containers in this state: ${STATUSES.join(', ')} (may be repeated)`, collect)
    .action((services: readonly string[], flags: PsFlags) => invoke((session) => run(session, services, flags)))
  addExamples(command, [
    ['ps', 'what runs'],
    ['ps -a --format json', 'everything, one JSON object a line'],
    ['ps --status exited', 'what has ended'],
    ['ps -q web', 'container ids of one service'],
  ])
}

async function run(session: Session, services: readonly string[], flags: PsFlags): Promise<void> {
  const statuses = parseStatuses(flags)
  const target = await session.target()
  const containers = await session.use((context) =>
    ps(context, target, {
      services,
      orphans: flags.orphans,
      ...(statuses.length > 0 ? { statuses } : {}),
      ...present({ all: flags.all }),
    }),
  )
  await session.print(formatContainers(containers, flags, session.io.host.clock.nowMs()))
}

function parseStatuses({ filter = [], status = [] }: PsFlags): readonly ContainerStatus[] {
  const filtered = filter.map((text) => {
    const [key, value] = text.split('=')
    if (key === 'status' && value !== undefined) return value
    throw new UsageError(`invalid filter "${text}"`, { hint: 'only status=STATE can be filtered' })
  })
  return [...status, ...filtered].map((text) => {
    const known = STATUSES.find((candidate) => candidate === text)
    if (known === undefined)
      throw new UsageError(`unknown status "${text}"`, { hint: `use one of ${STATUSES.join(', ')}` })
    return known
  })
}

function formatContainers(containers: readonly PsContainer[], flags: PsFlags, nowMs: number): string {
  if (flags.quiet === true) return containers.map(({ id }) => `${id}\n`).join('')
  if (flags.services === true) {
    const services = new Set(containers.map(({ service }) => service))
    return [...services].map((service) => `${service}\n`).join('')
  }
  if (flags.format === 'json')
    return containers.map((container) => `${JSON.stringify(toPsJson(container, nowMs))}\n`).join('')
  const rows = containers.map((container) => toRow(container, flags.trunc, nowMs))
  return formatTable(['NAME', 'IMAGE', 'COMMAND', 'SERVICE', 'CREATED', 'STATUS', 'PORTS'], rows)
}

function toRow(container: PsContainer, shorten: boolean, nowMs: number): string[] {
  const { name, image, command, service, createdAtUnixSeconds, status, ports } = container
  const shownCommand = `"${shorten ? truncate(command, COMMAND_WIDTH) : command}"`
  return [name, image, shownCommand, service, formatAgo(createdAtUnixSeconds, nowMs), status, formatPorts(ports)]
}

/** docker compose's object: keys in alphabetical order, some of them texts made for people. */
export function toPsJson(container: PsContainer, nowMs: number): object {
  const { id, name, createdAtUnixSeconds, labels, ports, networks, mounts } = container
  return {
    Command: `"${truncate(container.command, COMMAND_WIDTH)}"`,
    CreatedAt: formatGoTime(createdAtUnixSeconds),
    Engine: '',
    ExitCode: container.exitCode,
    Health: container.health,
    ID: id.slice(0, 12),
    Image: container.image,
    Labels: Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .toSorted()
      .join(','),
    LocalVolumes: String(container.localVolumes),
    Mounts: mounts.join(','),
    Name: name,
    Names: name,
    Networks: networks.join(','),
    Ports: formatPorts(ports),
    Project: container.project,
    Publishers: ports.map(({ IP = '', PrivatePort, PublicPort = 0, Type }) => ({
      URL: IP,
      TargetPort: PrivatePort,
      PublishedPort: PublicPort,
      Protocol: Type,
    })),
    RunningFor: formatAgo(createdAtUnixSeconds, nowMs),
    Service: container.service,
    Size: '0B',
    State: container.state,
    Status: container.status,
  }
}

/** As Go prints a time in UTC: "2026-11-21 12:00:00 +0000 UTC". */
function formatGoTime(unixSeconds: number): string {
  return `${new Date(unixSeconds * 1000).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`
}
