/** Whole builds that take from addresses, repositories and tars: contexts and ADD, and what the cache makes of them. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { BuildMessage } from '../../src/api/types/build.ts'
import { openBuilder, type Builder } from './build-support.ts'
import { writeLayout } from '../support/oci-layout.ts'
import { folder, tarOf } from '../support/tar-bytes.ts'
import { commitAll, gitDaemon, webServer, type WebServer } from '../support/git-server.ts'

describe('a build from elsewhere', () => {
  let builder: Builder
  let served: string
  let web: WebServer
  let daemon: string
  const undo: (() => Promise<void> | void)[] = []
  const t = { after: (work: unknown): void => void undo.push(work as () => Promise<void>) }
  before(async () => {
    builder = await openBuilder(t)
    served = builder.folder()
    web = await webServer(t, served)
    daemon = await gitDaemon(t, served)
  })
  after(async () => {
    for (const work of undo.toReversed()) await work()
  })

  it('takes a context from git, a folder of it, with its Dockerfile', async () => {
    const repo = join(served, 'repo')
    fs.mkdirSync(join(repo, 'web'), { recursive: true })
    fs.writeFileSync(join(repo, 'web', 'Dockerfile'), 'FROM busybox\nCOPY . /src\n')
    fs.writeFileSync(join(repo, 'web', 'app'), 'one')
    commitAll(repo)
    const request = { context: { kind: 'git', url: `${daemon}/repo/.git#main:web` }, dockerfile: 'Dockerfile' } as const
    const build = async (): Promise<string> => {
      const { id } = await builder.image('', { request })
      return id
    }
    const first = await build()
    assert.equal(await builder.look(first, 'ls -A src; cat src/app'), 'Dockerfile\napp\none')
    assert.equal(await build(), first)
    fs.writeFileSync(join(repo, 'web', 'app'), 'two')
    commitAll(repo)
    assert.equal(await builder.look(await build(), 'cat src/app'), 'two')
  })

  it('takes a compressed tar as its context', async () => {
    const files = builder.folder({ Dockerfile: 'FROM busybox\nCOPY d /d\n', 'd/x': 'x' })
    const tar = join(served, 'context.tar.gz')
    execFileSync('tar', ['-czf', tar, '-C', files, '.'])
    const { id } = await builder.image('', {
      request: { context: { kind: 'tar', path: tar }, dockerfile: 'Dockerfile' },
    })
    assert.equal(await builder.look(id, 'cat d/x'), 'x')
    const { id: same } = await builder.image('', {
      request: { context: { kind: 'http', url: `${web.url}/context.tar.gz` }, dockerfile: 'Dockerfile' },
    })
    assert.equal(same, id, 'same input, same image')
  })

  it('ADDs an address, and again only when it has changed', async () => {
    fs.writeFileSync(join(served, 'file'), 'one')
    web.answer = (_, response) => {
      response.setHeader('last-modified', fs.statSync(join(served, 'file')).mtime.toUTCString())
      return false
    }
    const dockerfile = `FROM busybox\nADD ${web.url}/file /x/\nRUN cat /x/file\n`
    const first = await builder.image(dockerfile)
    assert.equal(await builder.look(first.id, 'stat -c "%a %u" x/file; cat x/file'), '600 0\none')
    const again = await builder.image(dockerfile)
    assert.deepEqual([again.id, again.ran], [first.id, []])
    fs.writeFileSync(join(served, 'file'), 'two')
    const changed = await builder.image(dockerfile)
    assert.equal(changed.ran.length, 2)
    assert.equal(await builder.look(changed.id, 'cat x/file'), 'two')
  })

  it('ADDs a repository by its commit: a new commit is a new layer', async () => {
    const repo = join(served, 'lib')
    fs.mkdirSync(repo)
    fs.writeFileSync(join(repo, 'lib.c'), 'one')
    commitAll(repo)
    const dockerfile = `FROM busybox\nADD ${daemon}/lib/.git /lib\n`
    const first = await builder.image(dockerfile)
    assert.equal(await builder.look(first.id, 'ls -A lib; cat lib/lib.c'), 'lib.c\none')
    assert.deepEqual((await builder.image(dockerfile)).ran, [])
    fs.writeFileSync(join(repo, 'lib.c'), 'two')
    commitAll(repo)
    assert.equal((await builder.image(dockerfile)).ran.length, 1)
  })

  it('keeps what it fetched: a commit that is here needs no server any more, until it is pruned', async () => {
    const repo = join(served, 'kept')
    fs.mkdirSync(repo)
    fs.writeFileSync(join(repo, 'a'), 'one')
    const commit = commitAll(repo)
    const dockerfile = `FROM scratch\nADD --keep-git-dir ${daemon}/kept/.git#${commit} /lib\n`
    const request = { noCache: true }
    await builder.image(dockerfile)
    fs.writeFileSync(join(repo, 'a'), 'two')
    const next = commitAll(repo)
    await builder.image(dockerfile.replace(commit, next))
    fs.renameSync(repo, `${repo}-gone`)
    const { id, ran } = await builder.image(dockerfile, { request })
    assert.equal(ran.length, 1)
    assert.equal(await builder.look(id, 'ls -A lib; cat lib/a; git -C lib fsck'), '.git\na\none')
    const { builds } = builder.engine.context
    const kept = (await builds.diskUsage()).find(({ Description: text }) => text === `${daemon}/kept/.git`)
    assert.ok(kept !== undefined)
    assert.deepEqual([kept.Type, kept.Size > 0], ['source.git.checkout', true])
    const pruned = await builds.prune({ all: false, filters: { id: [kept.ID] }, keepBytes: undefined })
    assert.deepEqual(pruned, { CachesDeleted: [kept.ID], SpaceReclaimed: kept.Size })
    assert.equal((await builder.build(dockerfile, { request })).error?.code, 'GIT_FAILED')
  })

  it('tells the line of an ADD that cannot be', async () => {
    const { error } = await builder.build(`FROM busybox\nADD ${web.url}/none /x\n`)
    assert.equal(error?.source?.range.line, 2)
    assert.match(error?.message ?? '', /status 404/)
  })

  it('unpacks an archive that ADD finds in the context', async () => {
    const folder = builder.folder({ 'in/a': 'a', 'in/b/c': 'c' })
    execFileSync('tar', ['-cJf', join(folder, 'x.bin'), '-C', join(folder, 'in'), '.'])
    const { id } = await builder.image('FROM scratch\nADD x.bin /to\n', { context: folder })
    assert.equal(await builder.look(id, 'cat to/a to/b/c'), 'ac')
  })

  it('builds on an image of an OCI layout, by its tag, the only one, its digest, or one of several platforms', async () => {
    const layout = builder.folder()
    const layer = (text: string): Buffer => tarOf(folder('d/'), { path: 'd/x', content: text })
    writeLayout(layout, [
      { name: 'one:v1', layers: [layer('one')], config: { Env: ['A=1'] } },
      { name: 'two:v2', layers: [layer('two')] },
      ...['amd64', 'arm64'].map((architecture) => ({
        name: 'both:v3',
        layers: [layer(architecture)],
        platform: { os: 'linux', architecture },
      })),
    ])
    const dockerfile = 'FROM base\nCOPY --from=other /d/x /other\n'
    const at = (reference?: string): object => ({
      kind: 'oci-layout',
      path: layout,
      ...(reference === undefined ? {} : { reference }),
    })
    const build = (base: object, other: object): ReturnType<Builder['build']> =>
      builder.build(dockerfile, { request: { additionalContexts: { base, other } as never } })
    const { result } = await build(at('v1'), at('v2'))
    assert.equal(await builder.look(result?.imageId ?? '', 'cat d/x other'), 'onetwo')
    const both = await build(at('v3'), at('v2'))
    const own = process.arch === 'arm64' ? 'arm64' : 'amd64'
    assert.equal(await builder.look(both.result?.imageId ?? '', 'cat d/x'), own)
    const images = await builder.engine.context.images.list({ all: true, filters: {} })
    assert.ok(!JSON.stringify(images).includes('two:v2'), 'a layout names nothing in the store')
    const index = JSON.parse(fs.readFileSync(join(layout, 'index.json'), 'utf8')) as {
      manifests: { digest: string; annotations?: object }[]
    }
    const [first, second] = index.manifests
    const again = await build(at(first?.digest), at(second?.digest))
    assert.equal(again.result?.imageId, result?.imageId)
    const { error } = await build(at('none'), at('v2'))
    assert.equal(error?.code, 'OCI_LAYOUT')
    fs.writeFileSync(join(layout, 'index.json'), JSON.stringify({ ...index, manifests: [first] }))
    assert.equal((await build(at(), at('v1'))).error, undefined)
    const digest = first?.digest.slice(7) ?? ''
    fs.rmSync(join(layout, 'blobs/sha256', digest))
    fs.symlinkSync('/etc/passwd', join(layout, 'blobs/sha256', digest))
    assert.equal((await build(at('v1'), at('v1'))).error?.code !== undefined, true)
  })

  it('keeps nothing of a step whose context changed while it was read, and says so', async () => {
    const context = builder.folder({ log: 'one' })
    const path = join(context, 'log')
    // between its checksum and its copy: when the step begins
    const wish = {
      context,
      onMessage: (message: BuildMessage): void => {
        if (message.kind === 'started' && message.id.startsWith('step-')) fs.writeFileSync(path, 'two')
      },
    }
    const dockerfile = 'FROM scratch\nCOPY log /\n'
    const first = await builder.image(dockerfile, wish)
    assert.equal(await builder.look(first.id, 'cat log'), 'two')
    assert.match(JSON.stringify(first.messages.filter(({ kind }) => kind === 'warning')), /\/log was changed/)
    fs.writeFileSync(path, 'one')
    const second = await builder.image(dockerfile, { context })
    assert.deepEqual(second.cached, [])
    assert.equal(await builder.look(second.id, 'cat log'), 'one')
  })

  it('keeps nothing of a command either that a context was mounted for, when it changed meanwhile', async () => {
    const context = builder.folder({ 'src/a': 'one' })
    const dockerfile = 'FROM busybox\nRUN --mount=target=/m,source=src cat /m/a > /got; sleep 0.2\n'
    const touched = await builder.image(dockerfile, {
      context,
      onMessage: (message) => {
        if (message.kind === 'started' && message.id.startsWith('step-'))
          fs.writeFileSync(join(context, 'src/b'), 'new')
      },
    })
    assert.match(JSON.stringify(touched.messages.filter(({ kind }) => kind === 'warning')), /\/src.* was changed/)
    fs.rmSync(join(context, 'src/b'))
    assert.deepEqual((await builder.image(dockerfile, { context })).cached, [])
    assert.equal((await builder.image(dockerfile, { context })).cached.length, 1)
  })
})
