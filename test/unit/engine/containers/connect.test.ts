/** The networks of a container that an engine finds running: a change of them that a crash cut short is finished. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndpointSettings } from '../../../../src/api/types/index.ts'
import { settleNetworks } from '../../../../src/engine/containers/connect.ts'
import type { ContainersContext } from '../../../../src/engine/containers/context.ts'
import type { Container } from '../../../../src/engine/containers/store.ts'
import { NotFoundError } from '../../../../src/errors.ts'

type Endpoints = Readonly<Record<string, EndpointSettings>>

const NAMES: Readonly<Record<string, string>> = { front: 'front', back: 'back', f1: 'front', b1: 'back' }

interface Settled {
  /** The wishes afterwards; undefined: nothing was written. */
  readonly written: Endpoints | undefined
  /** What it was plugged into again. */
  readonly connected: readonly (readonly [string, EndpointSettings])[]
}

async function settle(wishes: Endpoints, has: Endpoints | undefined): Promise<Settled> {
  let written: Endpoints | undefined
  const connected: [string, EndpointSettings][] = []
  const context = {
    networks: {
      sandbox: () => (has === undefined ? undefined : { endpoints: has }),
      async inspect(reference: string) {
        const Name = NAMES[reference]
        if (Name === undefined) throw new NotFoundError(`network ${reference} not found`)
        return { Name }
      },
      connect: async (name: string, _id: string, wish: EndpointSettings) => void connected.push([name, wish]),
    },
    store: { update: (_: Container, changes: { endpoints: Endpoints }) => void (written = changes.endpoints) },
    log: () => {},
  } as unknown as ContainersContext
  await settleNetworks(context, { id: 'c1', document: { endpoints: wishes } } as unknown as Container)
  return { written, connected }
}

const front = { NetworkID: 'f1', MacAddress: '02:42:ac:11:00:02', IPAddress: '172.17.0.2', Aliases: ['web'] }
const back = { NetworkID: 'b1', Aliases: null }

const NOTHING: Settled = { written: undefined, connected: [] }

test('nothing is done when wish and kernel agree, by name or by id, or there is no network of its own', async () => {
  assert.deepEqual(await settle({ front: {}, b1: {} }, { front, back }), NOTHING)
  assert.deepEqual(await settle({ front: {} }, undefined), NOTHING)
  assert.deepEqual(await settle({ gone: {}, front: {} }, { front }), NOTHING)
})

test('what it has beyond its wishes becomes one, without the address that was chosen for it', async () => {
  const written = { back: { Aliases: ['db'] }, front: { Aliases: ['web'] } }
  assert.deepEqual(await settle({ back: { Aliases: ['db'] } }, { front, back }), { written, connected: [] })
})

test('what it wishes and has not it is given again', async () => {
  const wish = { Links: ['a:b'] }
  assert.deepEqual(await settle({ f1: wish, back: {} }, { back }), { written: undefined, connected: [['front', wish]] })
})
