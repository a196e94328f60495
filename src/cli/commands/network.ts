/** `network ls|inspect`: the engine's networks. */
import { Option, type Command } from 'commander'
import type { NetworkInspect } from '../../api/types/index.ts'
import { addExamples } from '../help.ts'
import { formatTable } from '../output/table.ts'
import type { Invoke } from '../program.ts'
import type { Session } from '../session.ts'
import { inspectEach } from './resources.ts'

interface ListFlags {
  readonly format: 'table' | 'json'
  readonly quiet?: boolean
}

export function define(command: Command, invoke: Invoke): void {
  command.helpCommand(false).description("The engine's networks.")
  const list = command
    .command('ls')
    .alias('list')
    .description('Lists networks.')
    .addOption(new Option('--format <format>', 'output format').choices(['table', 'json']).default('table'))
    .option('-q, --quiet', 'only ids')
    .action((flags: ListFlags) => invoke((session) => listNetworks(session, flags)))
  addExamples(list, [
    ['network ls', 'as a table'],
    ['network ls --format json', 'one JSON object a line'],
  ])
  const inspect = command
    .command('inspect')
    .description('Prints everything about networks as a JSON array.')
    .argument('<NETWORK...>', 'names or ids')
    .addOption(new Option('--format <format>', 'output format').choices(['json']).default('json'))
    .action((names: readonly string[]) =>
      invoke((session) => inspectEach(session, names, (client, name) => client.networks.inspect(name))),
    )
  addExamples(inspect, [['network inspect shop_default', 'addresses, members, labels']])
  addExamples(command, [['network ls', 'what there is']])
}

async function listNetworks(session: Session, { format, quiet }: ListFlags): Promise<void> {
  const found = await (await session.client()).networks.list()
  const networks = found.toSorted((a, b) => (a.Name < b.Name ? -1 : 1))
  if (quiet === true) return await session.print(networks.map(({ Id }) => `${Id.slice(0, 12)}\n`).join(''))
  if (format === 'json') return await session.print(networks.map(formatNetwork).join(''))
  const rows = networks.map(({ Id, Name, Driver, Scope, IPAM }) => {
    const subnets = (IPAM.Config ?? []).map(({ Subnet = '' }) => Subnet)
    return [Id.slice(0, 12), Name, Driver, Scope, subnets.join(',')]
  })
  await session.print(formatTable(['NETWORK ID', 'NAME', 'DRIVER', 'SCOPE', 'SUBNETS'], rows))
}

/** One JSON line with the docker CLI's keys. */
function formatNetwork(network: NetworkInspect): string {
  const { Id, Name, Driver, Scope, Created, EnableIPv6, Internal } = network
  const labels = Object.entries(network.Labels).map(([key, value]) => `${key}=${value}`)
  return `${JSON.stringify({
    CreatedAt: Created,
    Driver,
    ID: Id.slice(0, 12),
    IPv6: String(EnableIPv6),
    Internal: String(Internal),
    Labels: labels.toSorted().join(','),
    Name,
    Scope,
  })}\n`
}
