/**
 * Names, throughput and new connections: the same traffic for every contender, by 127.0.0.1, by an address of this host,
 * and, as the floor, straight to the container's address: the bare bridge without any translation.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { Contender } from './contenders.ts'
import { median, run } from './measure.ts'
import type { Row } from './table.ts'

const TRAFFIC = join(import.meta.dirname, 'traffic.ts')
const ROUNDS = 5
const QUERIES = 20_000
const CONNECTIONS = 3000

const traffic = (...args: readonly string[]): string[] => [process.execPath, TRAFFIC, ...args]

/** A process of this machine in the network namespace of the service, whoever runs it. */
async function pidOf(contender: Contender, service: string): Promise<string> {
  const argv = contender.compose('network.yaml', ['exec', '-T', service, 'readlink', '/proc/self/ns/net'])
  const { stdout } = await run(argv, { env: contender.env, keepOutput: true })
  const found = readdirSync('/proc').find((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/ns/net`) === stdout.trim()
    } catch {
      return false // it has ended
    }
  })
  if (found === undefined) throw new Error(`no process in the network namespace of ${service}`)
  return found
}

const inside = (pid: string, argv: readonly string[]): string[] => ['nsenter', '-t', pid, '-n', ...argv]

async function addressIn(pid: string): Promise<string> {
  const { stdout } = await run(inside(pid, ['ip', '-j', '-4', 'addr', 'show', 'eth0']), { keepOutput: true })
  const [link] = JSON.parse(stdout) as { addr_info: { local: string }[] }[]
  return link?.addr_info[0]?.local ?? ''
}

function hostAddress(): string | undefined {
  const addresses = Object.entries(networkInterfaces()).flatMap(([name, list]) =>
    /^(?:mc|br-|docker|veth)/.test(name) ? [] : (list ?? []),
  )
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address
}

async function startServer(pid: string): Promise<ChildProcess> {
  const [program = '', ...args] = inside(pid, traffic('serve'))
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve)
    child.once('exit', () => reject(new Error('the traffic server ended')))
  })
  return child
}

/** Median of what the process prints. */
async function timesOf(argv: readonly string[]): Promise<number> {
  const times: number[] = []
  for (let round = 0; round <= ROUNDS; round += 1) {
    const { stdout } = await run(argv, { keepOutput: true })
    if (round > 0) times.push(Number(stdout))
  }
  return median(times)
}

export async function measureNetwork(contenders: readonly Contender[], floorName: string): Promise<Row[]> {
  const rows = new Map<string, Record<string, number>>()
  const record = async (row: string, column: string, argv: readonly string[]): Promise<void> => {
    const values = rows.get(row) ?? {}
    rows.set(row, { ...values, [column]: await timesOf(argv) })
  }
  for (const contender of contenders) {
    const { env, name } = contender
    await run(contender.compose('network.yaml', ['up', '-d']), { env })
    const pid = await pidOf(contender, 'server')
    const server = await startServer(pid)
    try {
      const ask = (host: string, port: number): string[] =>
        inside(pid, traffic('ask', 'client', String(QUERIES), host, String(port)))
      const queries = `${QUERIES} queries for a service`
      await record(queries, name, ask('127.0.0.11', 53))
      if (contender === contenders[0]) await record(queries, floorName, ask('127.0.0.1', 5300))
      const own = hostAddress()
      const ways = [['127.0.0.1', '127.0.0.1'], ...(own === undefined ? [] : [["the host's address", own]])] as const
      const from = contender.netns === undefined ? [] : ['nsenter', `--net=${contender.netns}`]
      const address = await addressIn(pid)
      for (const [way, host = ''] of ways) {
        const [flow, connections] = [`1 GiB by ${way}`, `${CONNECTIONS} connections by ${way}`]
        const [take, connect] = [traffic('take'), traffic('connect')]
        await record(flow, name, [...from, ...take, host, '18082'])
        if (contender === contenders[0]) await record(flow, floorName, [...take, address, '80'])
        await record(connections, name, [...from, ...connect, host, '18083', String(CONNECTIONS)])
        if (contender === contenders[0])
          await record(connections, floorName, [...connect, address, '81', String(CONNECTIONS)])
      }
    } finally {
      server.kill('SIGKILL')
      await run(contender.compose('network.yaml', ['down', '-t', '0']), { env })
    }
  }
  return [...rows].map(([name, values]) => ({ name, unit: 'ms', values }))
}
