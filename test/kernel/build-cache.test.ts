/** The build cache: what it keeps and for how long, what is built anew, and what of it survives a restart. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { listBuildRecords } from '../../src/state/builds.ts'
import { findLayer, listLayers, updateLayer } from '../../src/state/layers.ts'
import { openBuilder, type Builder } from './build-support.ts'

describe('the build cache', () => {
  let builder: Builder
  const undo: (() => Promise<void>)[] = []
  before(async () => {
    builder = await openBuilder({ after: (work) => void undo.push(work as () => Promise<void>) })
  })
  after(async () => {
    for (const work of undo) await work()
  })
  const prune = (options: object = {}): ReturnType<Builder['engine']['context']['builds']['prune']> =>
    builder.engine.context.builds.prune({ all: false, filters: {}, keepBytes: undefined, ...options })

  it('keeps its layers when the image goes, and lets go of them when it is pruned', async () => {
    const { images, builds, state } = builder.engine.context
    const dockerfile = 'FROM busybox\nRUN head -c 100000 /dev/zero > /zeros\nRUN echo small > /small\n'
    const { id } = await builder.image(dockerfile)
    await images.remove(id, { force: false, noPrune: false })
    const again = await builder.image(dockerfile)
    assert.equal(again.ran.length, 0)
    const { chainIds } = await images.resolve(again.id)
    assert.deepEqual(await prune(), { CachesDeleted: [], SpaceReclaimed: 0 }, 'an image stands on all of it')
    const shown = await builds.diskUsage()
    assert.ok(shown.every(({ Shared: isShared }) => isShared))
    assert.ok(shown.some(({ Size: size, UsageCount: count }) => size > 100_000 && count === 2))
    await images.remove(again.id, { force: false, noPrune: false })
    const { CachesDeleted: deleted, SpaceReclaimed: bytes } = await prune()
    assert.equal(deleted.length, 2)
    assert.ok(bytes > 100_000)
    for (const chainId of chainIds.slice(1)) assert.equal(findLayer(state, chainId), undefined)
    assert.equal((await builder.image(dockerfile)).ran.length, 2)
    await prune({ all: true })
    assert.deepEqual(listBuildRecords(state), [])
  })

  it('prunes least used first, down to a size', async () => {
    const line = (name: string): string => `FROM busybox\nRUN head -c 50000 /dev/urandom > /${name}\n`
    for (const name of ['one', 'two', 'three']) {
      const { id } = await builder.image(line(name))
      await builder.engine.context.images.remove(id, { force: false, noPrune: false })
    }
    const { id } = await builder.image(line('one'))
    await builder.engine.context.images.remove(id, { force: false, noPrune: false })
    await prune({ keepBytes: 60_000 })
    const left = (await builder.engine.context.builds.diskUsage()).map(({ Description: text }) => text)
    assert.equal(left.length, 1)
    assert.match(left[0] ?? '', /> \/one$/)
    await prune({ all: true })
  })

  it('counts cache mounts, and prunes them', async () => {
    const { builds, config } = builder.engine.context
    const dockerfile = (text: string): string => `FROM busybox\nRUN --mount=type=cache,target=/c,id=mine ${text}\n`
    await builder.image(dockerfile('echo kept > /c/file'))
    assert.match((await builder.image(dockerfile('cat /c/file'))).output, /kept/)
    const [mount] = (await builds.diskUsage()).filter(({ Type: type }) => type === 'exec.cachemount')
    assert.ok(mount !== undefined && mount.Size > 0)
    const { CachesDeleted: deleted } = await prune({ filters: { type: ['exec.cachemount'] } })
    assert.deepEqual(deleted, [mount.ID])
    assert.equal(fs.existsSync(join(config.paths.root, 'build/cache-mounts', mount.ID)), false)
    await assert.rejects(prune({ filters: { nonsense: ['1'] } }), { code: 'INVALID_REQUEST' })
  })

  it('counts downloads, and prunes them', async () => {
    const server = createServer((_request, response) => response.end('x'.repeat(5000)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const address = server.address()
      assert.ok(address !== null && typeof address === 'object')
      const url = `http://127.0.0.1:${address.port}/file`
      const { id } = await builder.image(`FROM busybox\nADD ${url} /file\n`)
      assert.equal(await builder.look(id, 'wc -c < file'), '5000\n')
      const [kept] = (await builder.engine.context.builds.diskUsage()).filter(({ Description: text }) => text === url)
      assert.equal(kept?.Size, 5000)
      const { CachesDeleted: deleted } = await prune({ filters: { id: [kept?.ID ?? ''] } })
      assert.deepEqual(deleted, [kept?.ID])
      assert.deepEqual(fs.readdirSync(join(builder.config.paths.root, 'build/http')), [])
    } finally {
      server.close()
      server.closeAllConnections()
    }
  })

  it('is not asked with --no-cache, or in the stages that are named', async () => {
    const dockerfile =
      'FROM busybox AS one\nRUN cat /proc/sys/kernel/random/uuid > /one\nFROM busybox\nRUN cat /proc/sys/kernel/random/uuid > /two\nCOPY --from=one /one /\n'
    const first = await builder.image(dockerfile)
    const filtered = await builder.image(dockerfile, { request: { noCacheFilter: ['ONE'] } })
    assert.deepEqual(filtered.ran, [
      '[one 2/2] RUN cat /proc/sys/kernel/random/uuid > /one',
      '[stage-1 3/3] COPY --from=one /one /',
    ])
    assert.deepEqual(filtered.cached, ['[stage-1 2/3] RUN cat /proc/sys/kernel/random/uuid > /two'])
    assert.equal((await builder.image(dockerfile, { request: { noCache: true } })).cached.length, 0)
    assert.notEqual((await builder.image(dockerfile)).id, first.id, 'the newest result counts')
  })

  it('takes a record whose layer was lost for none', async () => {
    const { state, config } = builder.engine.context
    const dockerfile = 'FROM busybox\nRUN echo lost > /lost\n'
    const { id } = await builder.image(dockerfile)
    const top = (await builder.engine.context.images.resolve(id)).chainIds.at(-1) ?? ''
    assert.ok(fs.existsSync(join(config.paths.layers, top.slice(7))))
    state.prepare('DELETE FROM layers WHERE chain_id = ?').run(top)
    assert.equal((await builder.image(dockerfile)).ran.length, 1)
    assert.equal((await builder.image(dockerfile)).ran.length, 0)
  })

  it('is no less whole after a restart', async () => {
    const dockerfile = 'FROM busybox\nRUN echo stays > /stays\n'
    await builder.image(dockerfile)
    const layers = listLayers(builder.engine.context.state).length
    await builder.engine.context.layers.recover()
    await builder.engine.context.builds.recover()
    assert.equal(listLayers(builder.engine.context.state).length, layers)
    assert.equal((await builder.image(dockerfile)).ran.length, 0)
  })

  it('keeps what a failed build has done for this boot, and what an image stands on for good', async () => {
    const { state, layers, builds } = builder.engine.context
    const done = 'FROM busybox\nRUN echo done > /done\n'
    const pending = (): string[] =>
      listLayers(state).flatMap(({ chainId, pendingBoot }) => (pendingBoot === undefined ? [] : chainId))
    const before = new Set(pending())
    await builder.build(`${done}RUN false\n`)
    const [added = ''] = pending().filter((chainId) => !before.has(chainId))
    assert.match(added, /^sha256:/)
    assert.equal((await builder.build(`${done}RUN false\n`)).cached.length, 1)
    const layer = findLayer(state, added)
    assert.ok(layer !== undefined)
    updateLayer(state, { ...layer, pendingBoot: 'the boot before' })
    await layers.recover()
    await builds.recover()
    assert.equal(findLayer(state, added), undefined)
    assert.equal(
      listBuildRecords(state).some((record) => record.layer === added),
      false,
    )
    const { id, ran } = await builder.image(done)
    assert.equal(ran.length, 1)
    const { chainIds } = await builder.engine.context.images.resolve(id)
    assert.deepEqual(
      pending().filter((chainId) => chainIds.includes(chainId)),
      [],
    )
  })

  it('has nothing to do with the values of secrets', async () => {
    const dockerfile = 'FROM busybox\nRUN --mount=type=secret,id=s wc -c < /run/secrets/s > /size\n'
    const secret = (value: string) => ({ secrets: [{ id: 's', valueBase64: Buffer.from(value).toString('base64') }] })
    await builder.image(dockerfile, { request: secret('abc') })
    const second = await builder.image(dockerfile, { request: secret('abcdef') })
    assert.equal(second.ran.length, 0)
    assert.doesNotMatch(JSON.stringify([second.config, second.messages]), /YWJj|abcdef/)
  })

  it('of --link does not depend on what is below', async () => {
    const dockerfile = (value: string): string =>
      `FROM busybox\nRUN ln -s /etc /link; echo ${value} > /v\nCOPY --link a /link/\n`
    const context = builder.folder({ a: 'a' })
    const [one, two] = [
      await builder.image(dockerfile('1'), { context }),
      await builder.image(dockerfile('2'), { context }),
    ]
    assert.equal(one.config.rootfs.diff_ids.at(-1), two.config.rootfs.diff_ids.at(-1))
    assert.equal(await builder.look(one.id, 'test -d link && ! test -L link && cat link/a'), 'a')
    assert.equal(two.ran.length, 1)
    assert.match(two.cached.join(), /COPY --link/)
    // nothing was copied: the file is that of the other layer
    assert.equal(await builder.look(two.id, 'stat -c %h link/a; cat v'), '2\n2\n')
    assert.deepEqual((await builder.image(dockerfile('2'), { context })).ran, [])
    await builder.engine.context.images.remove(one.id, { force: false, noPrune: false })
    await prune({ all: true })
    assert.equal(await builder.look(two.id, 'stat -c "%h %a %u" link/a; cat link/a'), '1 644 0\na')
  })
})
