/**
 * The ends of the network benchmarks, each a process of its own, put into a container's network namespace by nsenter:
 *
 *   serve                          port 80: FLOW_BYTES to whoever connects; port 81: hangs up at once; UDP port 5300:
 *                                  any query comes back as its own answer
 *   ask NAME COUNT HOST PORT       COUNT queries for NAME, 64 under way; prints milliseconds
 *   take HOST PORT                 reads to the end of one connection; prints milliseconds
 *   connect HOST PORT COUNT        COUNT connections, 16 under way, each to its end; prints milliseconds
 */
import { createSocket } from 'node:dgram'
import { connect, createServer } from 'node:net'

const FLOW_BYTES = 1 << 30
const QUERIES_UNDER_WAY = 64
const CONNECTIONS_UNDER_WAY = 16
const LOST_MS = 1000

function serve(): void {
  const echo = createSocket('udp4')
  echo.on('message', (query, { address, port }) => echo.send(query, port, address)).bind(5300)
  const chunk = Buffer.alloc(1 << 18, 'x')
  createServer((socket) => {
    let left = FLOW_BYTES
    const write = (): void => {
      while (left > 0) {
        left -= chunk.length
        if (!socket.write(chunk)) return
      }
      socket.end()
    }
    socket.on('drain', write).on('error', () => {})
    write()
  }).listen(80, '0.0.0.0', () => process.stdout.write('ready\n'))
  createServer((socket) => socket.on('error', () => {}).end()).listen({ port: 81, host: '0.0.0.0', backlog: 1024 })
}

function query(name: string, id: number): Buffer {
  const labels = name.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)])
  return Buffer.concat([
    Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    ...labels,
    Buffer.from([0, 0, 1, 0, 1]),
  ])
}

/** A lost datagram is asked for again: what is counted is answers. */
function ask(name: string, count: number, server: { host: string; port: number }): Promise<void> {
  const socket = createSocket('udp4')
  const waiting = new Map<number, NodeJS.Timeout>()
  let [sent, answered] = [0, 0]
  return new Promise((resolve, reject) => {
    const send = (id: number): void => {
      waiting.set(id, setTimeout(send, LOST_MS, id))
      socket.send(query(name, id), server.port, server.host)
    }
    socket.on('message', (reply) => {
      const id = reply.readUInt16BE(0)
      const timer = waiting.get(id)
      if (timer === undefined) return
      clearTimeout(timer)
      waiting.delete(id)
      if (reply.readUInt16BE(6) === 0 && server.port === 53) reject(new Error(`${name} is not known`))
      answered += 1
      if (answered === count) {
        socket.close()
        resolve()
      } else if (sent < count) send(sent++ & 0xffff)
    })
    while (sent < Math.min(QUERIES_UNDER_WAY, count)) send(sent++)
  })
}

function take(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let bytes = 0
    connect({ host, port })
      .on('data', (chunk) => (bytes += chunk.length))
      .on('error', reject)
      .on('close', () => resolve(bytes))
  })
}

async function connectMany(host: string, port: number, count: number): Promise<void> {
  let left = count
  const one = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      await take(host, port)
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS_UNDER_WAY }, one))
}

const [verb, target = '', ...rest] = process.argv.slice(2)
const [first = '', second = '', third = ''] = rest
if (verb === 'serve') serve()
else {
  const startedMs = performance.now()
  if (verb === 'ask') await ask(target, Number(first), { host: second, port: Number(third) })
  else if (verb === 'connect') await connectMany(target, Number(first), Number(second))
  else {
    const bytes = await take(target, Number(first))
    if (bytes !== FLOW_BYTES) throw new Error(`${bytes} bytes came instead of ${FLOW_BYTES}`)
  }
  process.stdout.write(`${performance.now() - startedMs}\n`)
}
