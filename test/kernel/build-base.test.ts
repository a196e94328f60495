/** Base images that have to be brought: from a registry, newer ones with `pull`, named contexts in place of them. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { until } from '../support/poll.ts'
import { startRegistry, type TestRegistry } from '../support/registry.ts'
import { openBuilder, type Builder } from './build-support.ts'

describe('base images', () => {
  let maker: Builder
  let builder: Builder
  let registry: TestRegistry
  const undo: (() => Promise<void>)[] = []
  const later = { after: (work: unknown) => void undo.push(work as () => Promise<void>) }
  before(async () => {
    registry = await startRegistry(later)
    maker = await openBuilder(later)
    builder = await openBuilder(later)
  })
  after(async () => {
    for (const work of undo.toReversed()) await work()
  })

  async function publish(text: string): Promise<string> {
    const name = `${registry.host}/team/base:1`
    await maker.image(`FROM busybox\nRUN echo ${text} > /version\nONBUILD RUN cat /version > /copied\n`, {
      request: { tags: [name] },
    })
    await maker.engine.context.images.push(name, { signal: AbortSignal.timeout(60_000) }, () => {})
    return name
  }

  it('are pulled once for all stages, with their ONBUILDs, and shown with their digest', async () => {
    const name = await publish('one')
    const { id, messages } = await builder.image(`FROM ${name} AS a\nFROM ${name}\nCOPY --from=a /copied /again\n`)
    assert.equal(await builder.look(id, 'cat copied again'), 'one\none\n')
    const steps = messages.flatMap((message) => (message.kind === 'step' ? message.name : []))
    assert.equal(steps.filter((step) => step === `[internal] load metadata for ${name}`).length, 1)
    assert.ok(steps.some((step) => /FROM 127\.0\.0\.1:\d+\/team\/base:1@sha256:[0-9a-f]{64}$/.test(step)))
  })

  it('are asked for again only with pull', async () => {
    const name = await publish('two')
    const dockerfile = `FROM ${name}\nRUN cat /version\n`
    const old = await builder.image(dockerfile)
    assert.equal(await builder.look(old.id, 'cat version'), 'one\n')
    const fresh = await builder.image(dockerfile, { request: { pull: true } })
    assert.equal(await builder.look(fresh.id, 'cat version'), 'two\n')
    assert.equal(fresh.ran.length, 2, 'another base, other steps')
  })

  it('are waited for with the context read: its files are known when the image is here', async (t) => {
    const name = await publish('three')
    const context = builder.folder({ a: 'a', 'd/b': 'b', none: 'n' })
    for (const path of ['a', 'd/b', 'none']) fs.utimesSync(join(context, path), 1, 1)
    await setTimeout(200) // digests of files that were changed just now are not kept
    const gate = Promise.withResolvers<void>()
    const { images, builds } = builder.engine.context
    const pull = images.pull.bind(images)
    t.mock.method(images, 'pull', async (...args: Parameters<typeof pull>) => {
      await gate.promise
      await pull(...args)
    })
    const building = builder.image(`FROM ${name}\nCOPY a /\nARG X=d\nCOPY $X /d\nCOPY d /e\n`, {
      context,
      request: { pull: true },
    })
    const digests = async (): Promise<number> =>
      (await builds.diskUsage()).filter(({ Type }) => Type === 'source.local').length
    await until(async () => (await digests()) > 0, { what: 'the digests of the context are kept' })
    gate.resolve()
    const { id } = await building
    assert.equal(await builder.look(id, 'cat a d/b e/b'), 'abb')
  })

  it('are replaced by a named context of the same name', async () => {
    const request = { additionalContexts: { 'nowhere.example/base': { kind: 'image', reference: 'busybox' } } } as const
    const { id } = await builder.image('FROM nowhere.example/base\nRUN echo x > /x\n', { request })
    assert.equal(await builder.look(id, 'cat x'), 'x\n')
    const files = { kind: 'directory', path: builder.folder({ 'bin/a': 'a', b: 'b' }) } as const
    const whole = await builder.image('FROM files\nCOPY --from=files b /c\n', {
      request: { additionalContexts: { files } },
    })
    assert.equal(await builder.look(whole.id, 'find . -type f | sort'), './b\n./bin/a\n./c\n')
  })

  it('that are not there are told with the line that asks for them', async () => {
    const { error } = await builder.build(
      `ARG V=none\nFROM busybox AS a\nFROM ${registry.host}/team/base:$V\nCOPY --from=a / /\n`,
    )
    assert.equal(error?.source?.range.line, 3)
    assert.match(error?.message ?? '', /none/)
    const platform = await builder.build(`FROM --platform=linux/s390x ${registry.host}/team/base:1\n`)
    assert.equal(platform.error?.source?.range.line, 1)
  })
})
