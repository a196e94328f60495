/** Names, addresses, isolation and published ports, as containers and the host see them. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { describe, test } from 'node:test'
import { composeFile, containersOf, freePort, httpServer, httpText, idle } from '../support/compose.ts'
import { useEngine } from '../support/engine.ts'
import { getInside, lookUp } from '../support/inside.ts'
import { until } from '../support/poll.ts'

/** An IPv4 address of this machine that is not loopback. */
function hostAddress(): string {
  const addresses = Object.entries(networkInterfaces()).flatMap(([name, list]) =>
    /^(?:mc|mv|veth|docker)/.test(name) ? [] : (list ?? []),
  )
  const found = addresses.find(({ family, internal }) => family === 'IPv4' && !internal)
  assert.ok(found !== undefined, 'this machine has an address of its own')
  return found.address
}

/** Answers datagrams in the network namespace of the process; busybox has no UDP server. */
function echoInside(pid: number, port: number): Disposable & { readonly ready: Promise<unknown> } {
  const script = `const socket = require('node:dgram').createSocket('udp4')
    socket.on('message', (text, from) => socket.send('echo: ' + text, from.port, from.address))
    socket.bind(${port}, () => console.log('ready'))`
  const child = spawn('nsenter', [`--net=/proc/${pid}/ns/net`, process.execPath, '-e', script])
  return { ready: once(child.stdout, 'data'), [Symbol.dispose]: () => void child.kill('SIGKILL') }
}

/** What comes back for `text`, sent again each second: datagrams may be lost. */
async function datagramAnswer(address: string, port: number, text: string): Promise<string> {
  const socket = createSocket('udp4')
  const send = (): void => socket.send(text, port, address)
  const timer = setInterval(send, 1000)
  try {
    send()
    const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(15_000) })) as [Buffer]
    return answer.toString()
  } finally {
    clearInterval(timer)
    socket.close()
  }
}

describe('names', () => {
  const engine = useEngine()

  test('service, container and alias answer at 127.0.0.11; replicas all of them', async () => {
    const services = {
      web: httpServer('hello', { deploy: { replicas: 3 }, networks: { default: { aliases: ['shop'] } } }),
      client: idle(),
    }
    await using project = engine.project(composeFile('names', services))
    await project.ok('up', '-d')
    const addresses = await lookUp(project, 'client', 'web')
    assert.equal(addresses.length, 3)
    assert.deepEqual(await lookUp(project, 'client', 'shop'), addresses)
    const [first] = await lookUp(project, 'client', 'names-web-1')
    assert.ok(first !== undefined && addresses.includes(first))
    await until(async () => (await getInside(project, 'client', 'web')) === 'hello', { what: 'the answer of web' })
    await project.ok('up', '-d', '--scale', 'web=2')
    assert.equal((await lookUp(project, 'client', 'web')).length, 2)
  })

  test('services on different networks neither find nor reach each other', async () => {
    const services = {
      left: httpServer('left', { networks: ['one'] }),
      right: idle({ networks: ['two'] }),
      both: idle({ networks: ['one', 'two'] }),
    }
    await using project = engine.project(composeFile('apart', services, { networks: { one: {}, two: {} } }))
    await project.ok('up', '-d')
    await until(async () => (await getInside(project, 'both', 'left')) === 'left', { what: 'left, from both' })
    const [address] = await lookUp(project, 'both', 'left')
    assert.deepEqual(await lookUp(project, 'right', 'left'), [])
    assert.ok(address !== undefined)
    assert.equal(await getInside(project, 'right', address), undefined)
  })

  test('an external network joins two projects; it is missed by name, not made, and not taken away', async () => {
    const outside = { networks: { shared: { external: true, name: 'meeting-point' } } }
    await using guest = engine.project(composeFile('guest', { client: idle({ networks: ['shared'] }) }, outside))
    const early = await guest.run('up', '-d')
    assert.equal(early.exitCode, 1)
    assert.match(early.stderr, /meeting-point/)
    const made = { networks: { default: { name: 'meeting-point', attachable: true } } }
    await using owner = engine.project(composeFile('owner', { web: httpServer('welcome') }, made))
    await owner.ok('up', '-d')
    await guest.ok('up', '-d')
    await until(async () => (await getInside(guest, 'client', 'web')) === 'welcome', { what: 'the answer of web' })
    const inspect = async (): Promise<{ Attachable: boolean; Labels: Record<string, string> }> =>
      (JSON.parse(await owner.ok('network', 'inspect', 'meeting-point')) as [never])[0]
    assert.equal((await inspect()).Attachable, true)
    await guest.ok('down')
    assert.equal((await inspect()).Labels['com.docker.compose.project'], 'owner')
    assert.equal((await lookUp(owner, 'web', 'web')).length, 1)
  })

  test('network_mode none, host and service:', async () => {
    const services = {
      none: idle({ network_mode: 'none' }),
      host: idle({ network_mode: 'host' }),
      web: httpServer('shared'),
      beside: idle({ network_mode: 'service:web' }),
    }
    await using project = engine.project(composeFile('modes', services))
    await project.ok('up', '-d')
    assert.equal(await project.ok('exec', '-T', 'none', 'ls', '/sys/class/net'), 'lo\n')
    const own = await project.ok('exec', '-T', 'host', 'readlink', '/proc/1/ns/net')
    const { readlinkSync } = await import('node:fs')
    assert.equal(own.trim(), readlinkSync('/proc/self/ns/net'))
    await until(async () => (await getInside(project, 'beside', '127.0.0.1')) === 'shared', {
      what: 'web at 127.0.0.1 beside it',
    })
  })

  test('a service on two networks is found by each under its address there', async () => {
    const services = {
      web: httpServer('both', { networks: ['one', 'two'] }),
      left: idle({ networks: ['one'] }),
      right: idle({ networks: ['two'] }),
    }
    await using project = engine.project(composeFile('joined', services, { networks: { one: {}, two: {} } }))
    await project.ok('up', '-d')
    await until(async () => (await getInside(project, 'left', 'web')) === 'both', { what: 'web, from the left' })
    assert.equal(await getInside(project, 'right', 'web'), 'both')
    assert.notDeepEqual(await lookUp(project, 'left', 'web'), await lookUp(project, 'right', 'web'))
  })

  test('hostname, extra_hosts and what the image says stand in /etc/hosts', async () => {
    const service = idle({ hostname: 'box', extra_hosts: ['far.example:203.0.113.7', 'gate:host-gateway'] })
    await using project = engine.project(composeFile('hosts', { a: service }))
    await project.ok('up', '-d')
    const hosts = await project.ok('exec', '-T', 'a', 'cat', '/etc/hosts')
    assert.match(hosts, /^127\.0\.0\.1\s+localhost/m)
    assert.match(hosts, /^203\.0\.113\.7\s+far\.example$/m)
    assert.match(hosts, /^\d+\.\d+\.\d+\.\d+\s+gate$/m)
    assert.match(hosts, /^\d+\.\d+\.\d+\.\d+\s+box$/m)
    assert.match(await project.ok('exec', '-T', 'a', 'cat', '/etc/resolv.conf'), /^nameserver 127\.0\.0\.11$/m)
  })

  test('a container reaches what listens on this machine, and with it the way out', async () => {
    const server = createServer((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nfrom the host\n'))
    await new Promise<void>((resolve) => void server.listen(0, '0.0.0.0', resolve))
    try {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      await using project = engine.project(composeFile('outwards', { a: idle() }))
      await project.ok('up', '-d')
      assert.equal(await getInside(project, 'a', hostAddress(), port), 'from the host')
    } finally {
      server.close()
    }
  })

  test('an internal network has no way out', async () => {
    const services = { inside: idle({ networks: ['closed'] }) }
    const networks = { closed: { internal: true } }
    await using project = engine.project(composeFile('closed', services, { networks }))
    await project.ok('up', '-d')
    const routes = await project.ok('exec', '-T', 'inside', 'ip', 'route')
    assert.doesNotMatch(routes, /default/)
  })
})

describe('published ports', () => {
  const engine = useEngine()

  test('are reached by loopback, by the own address, and by the container itself', async () => {
    const port = await freePort()
    await using project = engine.project(composeFile('open', { web: httpServer('open', { ports: [`${port}:80`] }) }))
    await project.ok('up', '-d')
    const own = hostAddress()
    await until(async () => (await httpText(`http://127.0.0.1:${port}/`)) === 'open', { what: 'loopback' })
    assert.equal(await httpText(`http://${own}:${port}/`), 'open')
    assert.equal(await getInside(project, 'web', own, port), 'open')
  })

  test('carry datagrams both ways, and follow a container that was made anew', async () => {
    const port = await freePort()
    await using project = engine.project(composeFile('dgram', { echo: idle({ ports: [`${port}:9000/udp`] }) }))
    for (const flags of [[], ['--force-recreate']]) {
      await project.ok('up', '-d', ...flags)
      const [container] = await containersOf(engine.client(), 'dgram')
      using echo = echoInside(container?.State.Pid ?? 0, 9000)
      await echo.ready
      for (const address of ['127.0.0.1', hostAddress()])
        assert.equal(await datagramAnswer(address, port, `to ${address}`), `echo: to ${address}`)
    }
    assert.match(
      await project.ok('port', '--protocol', 'udp', 'echo', '9000'),
      new RegExp(`^0\\.0\\.0\\.0:${port}$`, 'm'),
    )
  })

  test('bound to 127.0.0.1 are closed on other addresses', async () => {
    const port = await freePort()
    const services = { web: httpServer('local', { ports: [`127.0.0.1:${port}:80`] }) }
    await using project = engine.project(composeFile('local', services))
    await project.ok('up', '-d')
    await until(async () => (await httpText(`http://127.0.0.1:${port}/`)) === 'local', { what: 'loopback' })
    await assert.rejects(httpText(`http://${hostAddress()}:${port}/`))
  })

  test('a range maps one to one, and a second replica takes the next free one of a host range', async () => {
    const from = await freePort()
    const services = {
      pair: httpServer('pair', { ports: [`${from}-${from + 1}:80-81`] }),
      many: httpServer('many', { ports: [`${from + 2}-${from + 4}:80`], deploy: { replicas: 2 } }),
    }
    await using project = engine.project(composeFile('ranges', services))
    await project.ok('up', '-d')
    await until(async () => (await httpText(`http://127.0.0.1:${from}/`)) === 'pair', { what: 'pair' })
    const containers = await containersOf(engine.client(), 'ranges')
    const taken = containers.flatMap(({ NetworkSettings }) =>
      Object.entries(NetworkSettings.Ports).map(([inside, bound]) => `${inside} ${bound?.[0]?.HostPort}`),
    )
    assert.ok(taken.includes(`80/tcp ${from}`) && taken.includes(`81/tcp ${from + 1}`), taken.join())
    assert.equal(
      taken.filter((one) => new RegExp(`^80/tcp (?:${from + 2}|${from + 3}|${from + 4})$`).test(one)).length,
      2,
    )
  })

  test('the port of a stopped container is free for another, and taken again at its start', async () => {
    const port = await freePort()
    const files = (name: string) => composeFile(name, { web: httpServer(name, { ports: [`${port}:80`] }) })
    await using first = engine.project(files('early'))
    await using second = engine.project(files('late'))
    await first.ok('up', '-d')
    await first.ok('stop')
    await second.ok('up', '-d')
    await until(async () => (await httpText(`http://127.0.0.1:${port}/`)) === 'late', { what: 'the second' })
    assert.equal((await first.run('start')).exitCode, 1)
    await second.ok('stop')
    await first.ok('start')
    await until(async () => (await httpText(`http://127.0.0.1:${port}/`)) === 'early', { what: 'the first again' })
  })

  test('without a host port get a free one, which ps shows', async () => {
    await using project = engine.project(composeFile('random', { web: httpServer('random', { ports: ['80'] }) }))
    await project.ok('up', '-d')
    const port = /0\.0\.0\.0:(\d+)->80\/tcp/.exec(await project.ok('ps'))?.[1]
    assert.ok(port !== undefined)
    await until(async () => (await httpText(`http://127.0.0.1:${port}/`)) === 'random', { what: 'the random port' })
  })

  test('a port that another program holds is one error that names it', async () => {
    const server = createServer()
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '0.0.0.0', () => {
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
    try {
      const services = { web: httpServer('never', { ports: [`${port}:80`] }) }
      await using project = engine.project(composeFile('taken', services))
      const { exitCode, stderr } = await project.run('up', '-d')
      assert.equal(exitCode, 1)
      assert.match(stderr, new RegExp(`${port}.*\\b(?:${process.pid}|node)\\b`))
    } finally {
      server.close()
    }
  })

  test('a port that another project publishes is one error that names the container', async () => {
    const port = await freePort()
    const files = (name: string) => composeFile(name, { web: httpServer(name, { ports: [`${port}:80`] }) })
    await using first = engine.project(files('first'))
    await using second = engine.project(files('second'))
    await first.ok('up', '-d')
    const { exitCode, stderr } = await second.run('up', '-d')
    assert.equal(exitCode, 1)
    assert.match(stderr, new RegExp(`${port}.*first-web-1`))
  })
})
