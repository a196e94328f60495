/** Caches that go from one engine to another: a folder, a registry, the image itself. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startRegistry } from '../support/registry.ts'
import { openBuilder, type Builder } from './build-support.ts'

const DOCKERFILE =
  'FROM busybox AS tools\nRUN cat /proc/sys/kernel/random/uuid > /tool\nFROM busybox\nRUN cat /proc/sys/kernel/random/uuid > /own\nRUN true\nCOPY --from=tools /tool /\n'

describe('build caches of others', () => {
  let builders: readonly [Builder, Builder]
  const undo: (() => Promise<void>)[] = []
  const later = { after: (work: unknown) => void undo.push(work as () => Promise<void>) }
  before(async () => {
    builders = [await openBuilder(later), await openBuilder(later)]
  })
  after(async () => {
    for (const work of undo.toReversed()) await work()
  })

  async function forget(builder: Builder, id: string): Promise<void> {
    const { images, builds } = builder.engine.context
    await images.remove(id, { force: true, noPrune: false })
    await builds.prune({ all: true, filters: {}, keepBytes: undefined })
  }

  it('in a folder: the steps of all stages with mode=max, those of the image with min', async () => {
    const [here, there] = builders
    const folder = join(here.folder(), 'cache')
    const cacheTo = [{ type: 'local', options: { dest: folder, mode: 'max' } }]
    const cacheFrom = [{ type: 'local', options: { src: folder } }]
    const built = await here.image(DOCKERFILE, { request: { cacheTo } })
    const taken = await there.image(DOCKERFILE, { request: { cacheFrom } })
    assert.deepEqual(taken.ran, [])
    assert.equal(taken.cached.length, 4)
    assert.equal(taken.id, built.id, 'history has the times of the steps, not of the fetching')
    assert.equal(await there.look(taken.id, 'cat own tool'), await here.look(built.id, 'cat own tool'))
    await forget(there, taken.id)
    const minimal = join(here.folder(), 'cache')
    await here.image(DOCKERFILE, { request: { cacheTo: [{ type: 'local', options: { dest: minimal } }] } })
    const half = await there.image(DOCKERFILE, {
      request: { cacheFrom: [{ type: 'local', options: { src: minimal } }] },
    })
    assert.deepEqual(half.ran, [
      '[tools 2/2] RUN cat /proc/sys/kernel/random/uuid > /tool',
      '[stage-1 4/4] COPY --from=tools /tool /',
    ])
    await forget(there, half.id)
    await forget(here, built.id)
  })

  it('is fetched only when a step is missing here', async () => {
    const [here] = builders
    const { id } = await here.image(DOCKERFILE)
    const cacheFrom = [{ type: 'local', options: { src: '/nowhere' } }]
    const again = await here.image(DOCKERFILE, { request: { cacheFrom } })
    assert.ok(!again.messages.some((message) => message.kind === 'step' && message.name.startsWith('importing')))
    const more = await here.image(`${DOCKERFILE}RUN echo more > /more\n`, { request: { cacheFrom } })
    assert.equal(more.ran.length, 1, 'a cache that is not there is no failure')
    await forget(here, more.id)
    await forget(here, id)
  })

  it('that was tampered with is not used', async () => {
    const [here, there] = builders
    const folder = join(here.folder(), 'cache')
    const built = await here.image(DOCKERFILE, {
      request: { cacheTo: [{ type: 'local', options: { dest: folder, mode: 'max' } }] },
    })
    const blobs = join(folder, 'blobs/sha256')
    const layers = fs.readdirSync(blobs).filter((name) => fs.readFileSync(join(blobs, name))[0] === 0x1f)
    const [one = '', ...others] = layers
    for (const other of others) fs.copyFileSync(join(blobs, one), join(blobs, other))
    const taken = await there.image(DOCKERFILE, {
      request: { cacheFrom: [{ type: 'local', options: { src: folder } }] },
    })
    assert.ok(taken.ran.length > 0)
    assert.ok(
      taken.messages.some(
        (message) => message.kind === 'warning' && message.message.includes('cannot use the build cache'),
      ),
    )
    await forget(there, taken.id)
    await forget(here, built.id)
  })

  it('in a registry, and inline in a pushed image', async (t) => {
    const registry = await startRegistry(t)
    const [here, there] = builders
    const ref = `${registry.host}/web:cache`
    const built = await here.image(DOCKERFILE, {
      request: { cacheTo: [{ type: 'registry', options: { ref, mode: 'max' } }] },
    })
    const taken = await there.image(DOCKERFILE, { request: { cacheFrom: [{ type: 'registry', options: { ref } }] } })
    assert.deepEqual(taken.ran, [])
    assert.equal(taken.id, built.id)
    await forget(there, taken.id)
    const name = `${registry.host}/web:1`
    const inline = await here.image(DOCKERFILE, {
      request: { tags: [name], cacheTo: [{ type: 'inline', options: {} }] },
    })
    await here.engine.context.images.push(name, { signal: AbortSignal.timeout(60_000) }, () => {})
    const fromImage = await there.image(DOCKERFILE, {
      request: { cacheFrom: [{ type: 'registry', options: { ref: name } }] },
    })
    assert.deepEqual(fromImage.cached, [
      '[stage-1 2/4] RUN cat /proc/sys/kernel/random/uuid > /own',
      '[stage-1 3/4] RUN true',
    ])
    for (const [builder, id] of [
      [there, fromImage.id],
      [here, inline.id],
      [here, built.id],
    ] as const)
      await forget(builder, id)
  })

  it('of other types are refused before anything is built', async () => {
    const [here] = builders
    for (const request of [
      { cacheTo: [{ type: 'gha', options: {} }] },
      { cacheFrom: [{ type: 's3', options: {} }] },
      { cacheTo: [{ type: 'local', options: {} }] },
      { cacheTo: [{ type: 'local', options: { dest: '/x', mode: 'all' } }] },
    ]) {
      const { error, ran } = await here.build(DOCKERFILE, { request })
      assert.match(error?.code ?? '', /^BUILD_CACHE_(?:TYPE|OPTION)$/)
      assert.deepEqual(ran, [])
    }
  })
})
