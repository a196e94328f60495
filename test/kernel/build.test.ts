/** Builds from the Dockerfile to the image: files, configuration, history, cache, several stages, failures. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openBuilder, type Builder } from './build-support.ts'

describe('a build', () => {
  let builder: Builder
  const undo: (() => Promise<void>)[] = []
  before(async () => {
    builder = await openBuilder({ after: (work) => void undo.push(work as () => Promise<void>) })
  })
  after(async () => {
    for (const work of undo) await work()
  })

  it('makes an image of FROM, RUN, COPY, ENV and WORKDIR, with its true history', async () => {
    const { id, config } = await builder.image(
      'FROM busybox\nENV A=1\nWORKDIR /app\nCOPY hello.txt ./\nRUN cat hello.txt > copy && echo "$A" >> copy\nRUN true\nCMD ["cat", "copy"]\n',
      { files: { 'hello.txt': 'hello\n' }, request: { tags: ['first:1', 'second'] } },
    )
    assert.equal(
      await builder.look(id, 'cat app/copy; stat -c "%a %U" app app/hello.txt'),
      'hello\n1\n755 root\n644 root\n',
    )
    const { history = [], rootfs, config: run } = config
    assert.deepEqual(
      history.slice(1).map(({ created_by: by, empty_layer: isEmpty = false }) => [by, isEmpty]),
      [
        ['ENV A=1', true],
        ['WORKDIR /app', false],
        ['COPY hello.txt ./ # buildkit', false],
        ['RUN /bin/sh -c cat hello.txt > copy && echo "$A" >> copy # buildkit', false],
        ['RUN /bin/sh -c true # buildkit', false],
        ['CMD ["cat" "copy"]', true],
      ],
    )
    assert.equal(rootfs.diff_ids.length, 5, 'a step that changes nothing has the empty layer')
    assert.equal(run?.WorkingDir, '/app')
    assert.deepEqual(run?.Cmd, ['cat', 'copy'])
    for (const name of ['first:1', 'second']) assert.equal((await builder.engine.context.images.resolve(name)).id, id)
  })

  it('finds everything in the cache the second time, and makes the same image', async () => {
    const dockerfile = 'FROM busybox\nCOPY . /src\nRUN cat /proc/sys/kernel/random/uuid > /time\nRUN echo 2 > /two\n'
    const context = builder.folder({ a: 'a', 'b/c': 'c' })
    const first = await builder.image(dockerfile, { context })
    assert.equal(first.cached.length, 0)
    const second = await builder.image(dockerfile, { context })
    assert.equal(second.ran.length, 0)
    assert.equal(second.id, first.id)
    fs.utimesSync(join(context, 'a'), 1, 1)
    assert.equal((await builder.image(dockerfile, { context })).id, first.id, 'times do not count')
    fs.writeFileSync(join(context, 'b/c'), 'changed')
    const third = await builder.image(dockerfile, { context })
    assert.deepEqual(third.ran.length, 3)
    assert.notEqual(third.id, first.id)
  })

  it('redoes exactly what follows from a changed file', async () => {
    const dockerfile = 'FROM busybox\nCOPY a /\nRUN echo 1 > /1\nCOPY b /\nRUN echo 2 > /2\n'
    const context = builder.folder({ a: 'a', b: 'b', c: 'c' })
    await builder.image(dockerfile, { context })
    fs.writeFileSync(join(context, 'c'), 'not copied')
    assert.equal((await builder.image(dockerfile, { context })).ran.length, 0)
    fs.writeFileSync(join(context, 'b'), 'b2')
    const { ran, cached } = await builder.image(dockerfile, { context })
    assert.deepEqual(ran, ['[4/5] COPY b /', '[5/5] RUN echo 2 > /2'])
    assert.deepEqual(cached, ['[2/5] COPY a /', '[3/5] RUN echo 1 > /1'])
  })

  it('copies from stages, and knows when what it copies is as it was', async () => {
    const dockerfile = (value: string): string =>
      `FROM busybox AS build\nRUN mkdir /out && echo same > /out/file && echo ${value} > /other\nFROM scratch\nCOPY --from=build /out/ /\n`
    const first = await builder.image(dockerfile('1'))
    assert.equal(await builder.look(first.id, 'find . -mindepth 1; cat file'), './file\nsame\n')
    const second = await builder.image(dockerfile('2'))
    assert.deepEqual(second.cached, ['[stage-1 1/1] COPY --from=build /out/ /'])
    assert.equal(second.ran.length, 1)
    assert.equal(second.id, first.id)
  })

  it('says which step failed, with its lines, its output and its exit code', async () => {
    const { error, result, messages } = await builder.build(
      'FROM busybox\nRUN echo fine\nRUN echo so far >&2; exit 3\nRUN never\n',
      {
        request: { dockerfileLabel: './web/Dockerfile' },
      },
    )
    assert.equal(result, undefined)
    assert.equal(error?.code, 'BUILD_STEP_FAILED')
    assert.equal(error?.exitCode, 3)
    assert.match(
      error?.message ?? '',
      /process "\/bin\/sh -c echo so far >&2; exit 3" did not complete successfully: exit code: 3/,
    )
    assert.deepEqual(error?.tail, ['so far'])
    assert.equal(error?.source?.file, './web/Dockerfile')
    assert.equal(error?.source?.range.line, 3)
    assert.equal(messages.at(-1), error)
  })

  it('tells an unknown file, a missing image and a wrong line with their place', async () => {
    const missing = await builder.build('FROM busybox\nCOPY nothing /\n')
    assert.equal(missing.error?.code, 'COPY_SOURCE_MISSING')
    assert.equal(missing.error?.source?.range.line, 2)
    const wrong = await builder.build('FROM busybox\nRUM true\n')
    assert.equal(wrong.error?.code, 'DOCKERFILE_UNKNOWN_INSTRUCTION')
    const none = await builder.build('FROM localhost:1/none\n')
    assert.equal(none.error?.source?.range.line, 1)
  })

  it('makes the same bytes of the same input', async () => {
    const dockerfile = 'FROM busybox\nCOPY . /src/\nWORKDIR /work\nRUN mkdir /made && echo x > /made/x\n'
    const request = { args: { SOURCE_DATE_EPOCH: '1700000000' } }
    const context = builder.folder({ a: 'a' })
    const first = await builder.image(dockerfile, { context, request })
    const second = await builder.image(dockerfile, { context, request: { ...request, noCache: true } })
    assert.equal(second.ran.length, 3)
    assert.equal(second.id, first.id)
    assert.equal(second.config.created, '2023-11-14T22:13:20Z')
    const later = await builder.image(dockerfile, { context, request: { args: { SOURCE_DATE_EPOCH: '1600000000' } } })
    assert.equal(later.cached.length, 0, 'another time makes other layers')
    assert.equal(
      (await builder.look(later.id, 'stat -c %Y src/a made/x work')).trim(),
      '1600000000\n1600000000\n1600000000',
    )
  })

  it('shares steps between builds that run at the same time', async () => {
    const dockerfile = (own: string): string =>
      `FROM busybox\nRUN sleep 0.3; cat /proc/sys/kernel/random/uuid > /shared\nRUN echo ${own} > /own\n`
    const [one, two] = await Promise.all([builder.image(dockerfile('1')), builder.image(dockerfile('2'))])
    assert.equal(await builder.look(one.id, 'cat shared'), await builder.look(two.id, 'cat shared'))
  })

  it('stops at a cancel, leaves no container, keeps what was done', async () => {
    const cancel = new AbortController()
    const dockerfile = 'FROM busybox\nRUN echo kept > /kept\nRUN echo begun; sleep 60\n'
    const { error, ran } = await builder.build(dockerfile, {
      signal: cancel.signal,
      onMessage: (message) => {
        if (message.kind === 'output' && message.data.includes('begun')) cancel.abort()
      },
    })
    assert.equal(error?.code, 'CANCELED')
    assert.equal(ran.length, 2)
    const again = await builder.image(dockerfile.replace('sleep 60', 'true'))
    assert.deepEqual(again.cached, ['[2/3] RUN echo kept > /kept'])
  })
})
