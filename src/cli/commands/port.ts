/** `port`: where a container's port is published. */
import { Option, type Command } from 'commander'
import { NotFoundError } from '../../errors.ts'
import { addExamples } from '../help.ts'
import { positiveInteger } from '../options.ts'
import { formatHost } from '../output/ports.ts'
import type { Invoke } from '../program.ts'
import type { Session } from '../session.ts'
import { replicaOf } from './services.ts'

interface PortFlags {
  readonly index?: number
  readonly protocol: 'tcp' | 'udp'
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description('Prints the address on this machine at which a port of a service is published.')
    .argument('<SERVICE>', 'the service')
    .argument('<PRIVATE_PORT>', 'the port in the container', positiveInteger)
    .option('--index <n>', 'which replica of the service (default: the lowest)', positiveInteger)
    .addOption(new Option('--protocol <protocol>', 'protocol').choices(['tcp', 'udp']).default('tcp'))
    .action((service: string, port: number, flags: PortFlags) =>
      invoke((session) => run(session, service, port, flags)),
    )
  addExamples(command, [
    ['port web 80', 'prints 0.0.0.0:32768, say'],
    ['port --protocol udp --index 2 dns 53', 'of the second replica'],
  ])
}

async function run(session: Session, service: string, port: number, { index, protocol }: PortFlags): Promise<void> {
  const target = await session.target()
  const { ports } = await session.use((context) => replicaOf(context, target, service, index))
  const published = ports.find(({ PrivatePort, PublicPort, Type }) => {
    return PrivatePort === port && Type === protocol && PublicPort !== undefined
  })
  if (published === undefined)
    throw new NotFoundError(`service "${service}" does not publish port ${port}/${protocol}`, {
      code: 'PORT_NOT_PUBLISHED',
      hint: '`mycompose ps` shows what is published; `ports:` in the file publishes',
    })
  await session.print(`${formatHost(published.IP ?? '0.0.0.0', String(published.PublicPort))}\n`)
}
