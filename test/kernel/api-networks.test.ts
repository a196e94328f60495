/** Networks of containers over the API: connecting and disconnecting, running or not. Checks read the container's own view. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import type { ContainerCreateRequest } from '../../src/api/types/index.ts'
import { BUSYBOX_IMAGE } from '../support/busybox.ts'
import { useEngine } from '../support/engine.ts'

describe('network connect and disconnect', () => {
  const engine = useEngine()

  /** A created container and a network "extra"; both go at the end. */
  async function stage(request: ContainerCreateRequest = {}) {
    const { containers, networks } = engine.client()
    const { Id } = await networks.create({ Name: 'extra', IPAM: { Config: [{ Subnet: '10.231.7.0/24' }] } })
    await containers.create('c1', { Image: BUSYBOX_IMAGE, Cmd: ['sleep', '1000'], ...request })
    return {
      networkId: Id,
      async [Symbol.asyncDispose]() {
        await containers.remove('c1', { force: true })
        await networks.remove('extra')
      },
    }
  }

  const namesOf = async (): Promise<string[]> => {
    const { NetworkSettings } = await engine.client().containers.inspect('c1')
    return Object.keys(NetworkSettings.Networks).toSorted()
  }

  async function exec(...cmd: string[]): Promise<string> {
    const { containers } = engine.client()
    const id = await containers.createExec('c1', { Cmd: cmd, AttachStdout: true, AttachStderr: true })
    const { output } = await containers.startExec(id, { tty: false })
    let text = ''
    for await (const { data } of output) text += data.toString('utf8')
    return text
  }

  it('of a created container takes effect at its start', async () => {
    await using staged = await stage()
    const { containers, networks } = engine.client()
    await networks.connect('extra', 'c1', { Aliases: ['friend'], IPAMConfig: { IPv4Address: '10.231.7.77' } })
    assert.deepEqual(await namesOf(), ['bridge', 'extra'])
    await assert.rejects(networks.connect(staged.networkId, 'c1', {}), { code: 'CONFLICT' })
    await networks.disconnect('bridge', 'c1')
    await containers.start('c1')
    assert.deepEqual(await namesOf(), ['extra'])
    assert.match(await exec('ip', '-o', '-4', 'addr'), /inet 10\.231\.7\.77\/24/)
    assert.match(await exec('nslookup', 'friend.', '127.0.0.11'), /10\.231\.7\.77/)
  })

  it('of a running one is there at once, and still after a restart', async () => {
    await using staged = await stage()
    const { containers, networks } = engine.client()
    await containers.start('c1')
    await networks.connect(staged.networkId, 'c1', { IPAMConfig: { IPv4Address: '10.231.7.78' } })
    await networks.disconnect('bridge', 'c1')
    assert.match(await exec('ip', '-o', '-4', 'addr'), /inet 10\.231\.7\.78\/24/)
    await containers.restart('c1', { timeoutSeconds: 0 })
    assert.deepEqual(await namesOf(), ['extra'])
    assert.match(await exec('ip', '-o', '-4', 'addr'), /inet 10\.231\.7\.78\/24/)
  })

  it('a macvlan network, before and while it runs', async () => {
    await using _ = await stage()
    const { containers, networks } = engine.client()
    const parent = `mclan${process.pid % 100_000}`
    execFileSync('ip', ['link', 'add', parent, 'type', 'veth', 'peer', 'name', `${parent}p`])
    await networks.create({
      Name: 'lan',
      Driver: 'macvlan',
      Options: { parent },
      IPAM: { Config: [{ Subnet: '10.231.8.0/24' }] },
    })
    const addresses = (): Promise<string> => exec('ip', '-o', '-4', 'addr')
    try {
      await networks.connect('lan', 'c1', { IPAMConfig: { IPv4Address: '10.231.8.8' } })
      await containers.start('c1')
      assert.match(await addresses(), /inet 10\.231\.8\.8\/24/)
      await networks.disconnect('lan', 'c1')
      assert.doesNotMatch(await addresses(), /10\.231\.8/)
      await networks.connect('lan', 'c1', {})
      assert.match(await addresses(), /inet 10\.231\.8\.\d+\/24/)
    } finally {
      await networks.disconnect('lan', 'c1', { force: true }).catch(() => {})
      await networks.remove('lan')
      execFileSync('ip', ['link', 'del', parent])
    }
  })

  it('names what is not there, or cannot be', async () => {
    await using _ = await stage({ HostConfig: { NetworkMode: 'host' } })
    const { networks } = engine.client()
    await assert.rejects(networks.connect('extra', 'nobody', {}), {
      name: 'NotFoundError',
      message: /No such container: nobody/,
    })
    await assert.rejects(networks.connect('nowhere', 'c1', {}), {
      name: 'NotFoundError',
      message: /network nowhere not found/,
    })
    await assert.rejects(networks.disconnect('extra', 'c1'), { name: 'NotFoundError', message: /not connected/ })
    await assert.rejects(networks.connect('extra', 'c1', {}), {
      code: 'INVALID_REQUEST',
      message: /shares the network of host/,
    })
  })
})
