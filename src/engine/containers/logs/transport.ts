/**
 * Where copies of log lines go: a datagram or stream socket. `send` resolves when the kernel has taken the bytes, and
 * throws when the connection is broken; making a new one is the sender's matter.
 */
import { createSocket } from 'node:dgram'
import { connect, isIPv6, type Socket } from 'node:net'
import { MycomposeError, errnoOf } from '../../../errors.ts'
import type { Host } from '../../../host/host.ts'
import { JOURNALD_SOCKET } from './journald.ts'
import type { LogTarget } from './log-config.ts'
import type { SyslogAddress, SyslogTls } from './syslog-config.ts'

export interface LogTransport {
  send(message: Buffer): Promise<void>
  close(): void
}

const CONNECT_TIMEOUT_MS = 5000
const SEND_TIMEOUT_MS = 10_000
const FULL_PAUSE_MS = 5
const LOCAL_SYSLOGS = ['/dev/log', '/var/run/syslog', '/var/run/log']

function unixDatagram(host: Host, path: string): LogTransport {
  const socket = host.unixDatagrams.connect(path)
  return {
    async send(message) {
      const deadlineMs = host.clock.nowMs() + SEND_TIMEOUT_MS
      while (!socket.send(message)) {
        if (host.clock.nowMs() > deadlineMs) throw new Error(`${path} takes no more messages`)
        await host.clock.sleep(FULL_PAUSE_MS)
      }
    },
    close: () => socket.close(),
  }
}

function udp(address: { readonly host: string; readonly port: number }): LogTransport {
  const socket = createSocket({ type: isIPv6(address.host) ? 'udp6' : 'udp4' })
  socket.unref()
  socket.on('error', () => {}) // told by the next send
  return {
    send: (message) =>
      new Promise((resolve, reject) => {
        socket.send(message, address.port, address.host, (error) => (error === null ? resolve() : reject(error)))
      }),
    close: () => socket.close(),
  }
}

/** Throws when there is no connection within some seconds. */
async function overStream(open: () => Socket | Promise<Socket>, readyEvent: string): Promise<LogTransport> {
  const socket = await open()
  socket.unref()
  let broken: Error | undefined
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const fail = (error: Error): void => {
    broken ??= error
    reject(broken)
    socket.destroy()
  }
  socket.on('error', fail)
  socket.on('close', () => fail(new Error('the receiver has closed the connection')))
  socket.once(readyEvent, resolve)
  socket.resume() // an answer is not expected, but the end of the connection is to be seen
  const timer = setTimeout(() => fail(new Error('no connection in time')), CONNECT_TIMEOUT_MS)
  try {
    await promise
  } finally {
    clearTimeout(timer)
  }
  return {
    send: (message) =>
      new Promise((done, failed) => {
        if (broken !== undefined) return failed(broken)
        socket.write(message, (error) => (error === null || error === undefined ? done() : failed(error)))
      }),
    close: () => socket.destroy(),
  }
}

async function openTls(host: Host, tls: SyslogTls, address: { readonly host: string; readonly port: number }) {
  const { connect: connectTls } = await import('node:tls')
  const read = (path: string | undefined) => (path === undefined ? undefined : host.files.readFile(path))
  const [ca, cert, key] = await Promise.all([read(tls.caFile), read(tls.certFile), read(tls.keyFile)])
  return connectTls({
    ...address,
    rejectUnauthorized: !tls.skipVerify,
    ...(isIPv6(address.host) ? {} : { servername: address.host }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  })
}

/** A path that is a datagram socket, or else a stream one. */
async function openPath(host: Host, path: string): Promise<LogTransport> {
  try {
    return unixDatagram(host, path)
  } catch (error) {
    if (errnoOf(error) !== 'EPROTOTYPE') throw error
    return overStream(() => connect(path), 'connect')
  }
}

async function openLocal(host: Host): Promise<LogTransport> {
  for (const path of LOCAL_SYSLOGS) if (host.files.existsSync(path)) return openPath(host, path)
  throw new Error(`no syslog runs on this machine: none of ${LOCAL_SYSLOGS.join(', ')} is there`)
}

function openSyslog(host: Host, address: SyslogAddress, tls: SyslogTls): Promise<LogTransport> {
  switch (address.kind) {
    case 'local':
      return openLocal(host)
    case 'unixgram':
      return Promise.resolve().then(() => unixDatagram(host, address.path))
    case 'unix':
      return openPath(host, address.path)
    case 'udp':
      return Promise.resolve(udp(address))
    case 'tcp':
      return overStream(() => connect({ host: address.host, port: address.port }), 'connect')
    case 'tcp+tls':
      return overStream(() => openTls(host, tls, address), 'secureConnect')
    default:
      return address satisfies never
  }
}

/** Throws MycomposeError LOG_TARGET_UNREACHABLE, which names driver and cause. */
export async function openTransport(
  host: Host,
  target: Extract<LogTarget, { kind: 'journald' | 'syslog' }>,
): Promise<LogTransport> {
  try {
    return target.kind === 'journald'
      ? unixDatagram(host, JOURNALD_SOCKET)
      : await openSyslog(host, target.syslog.address, target.syslog.tls)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new MycomposeError(`failed to initialize logging driver "${target.kind}": ${why}`, {
      code: 'LOG_TARGET_UNREACHABLE',
      hint:
        target.kind === 'journald'
          ? `journald does not listen on ${JOURNALD_SOCKET}: start systemd-journald, or choose another logging driver`
          : 'see the log option "syslog-address", or choose another logging driver',
      cause,
    })
  }
}
