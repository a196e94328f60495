/** Pushing to Debian's docker-registry; skopeo and a second pull judge what arrived. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { ProgressMessage } from '../../src/api/types/index.ts'
import { openPrivateStore, type PrivateStore } from '../support/private-store.ts'
import { startRegistry, type TestRegistry } from '../support/registry.ts'
import { folder, streamOf, symlink, tarOf } from '../support/tar-bytes.ts'

const TAR = tarOf(
  folder('bin/'),
  { path: 'bin/tool', content: 'x'.repeat(200_000), mode: 0o4755, uid: 7 },
  { path: 'bin/other', kind: 'hardlink', target: 'bin/tool' },
  symlink('sh', 'bin/tool'),
  { path: 'cap', content: 'c', xattrs: { 'user.note': 'kept' } },
)

async function setUp(t: TestContext): Promise<{
  readonly store: PrivateStore
  readonly registry: TestRegistry
  readonly push: (name: string) => Promise<ProgressMessage[]>
}> {
  const store = await openPrivateStore(t)
  t.after(() => store.base.host.web.close())
  const registry = await startRegistry(t)
  return {
    store,
    registry,
    async push(name) {
      const messages: ProgressMessage[] = []
      const { signal } = new AbortController()
      await store.images.push(`${registry.host}/${name}`, { tag: '1', signal }, (message) => messages.push(message))
      return messages
    },
  }
}

async function importAs({ images }: PrivateStore, name: string): Promise<string> {
  return await images.import(streamOf(TAR), { reference: name, changes: ['CMD ["/bin/tool"]'] }, () => {})
}

function statuses(messages: readonly ProgressMessage[]): string[] {
  return messages.flatMap(({ status, progressDetail }) =>
    progressDetail === undefined && status !== undefined ? [status] : [],
  )
}

test('an image that was made here is pushed, and pulled elsewhere it is the same image', async (t) => {
  const { store, registry, push } = await setUp(t)
  const name = `${registry.host}/team/tool:1`
  const id = await importAs(store, name)
  assert.deepEqual(statuses(await push('team/tool')).slice(0, 3), [
    `The push refers to repository [${registry.host}/team/tool]`,
    'Preparing',
    'Pushed',
  ])
  const judged = JSON.parse(await registry.skopeo('inspect', '--tls-verify=false', `docker://${name}`)) as {
    readonly Digest: string
  }
  assert.deepEqual((await store.images.inspect(name)).RepoDigests, [`${registry.host}/team/tool@${judged.Digest}`])
  const other = await openPrivateStore(t)
  t.after(() => other.base.host.web.close())
  await other.images.pull(name, { signal: new AbortController().signal }, () => {})
  assert.equal((await other.images.inspect(name)).Id, id)
})

test('a second push sends nothing, another repository mounts what is there', async (t) => {
  const { store, registry, push } = await setUp(t)
  await importAs(store, `${registry.host}/team/tool:1`)
  await push('team/tool')
  assert.ok(statuses(await push('team/tool')).includes('Layer already exists'))
  await store.images.tag(`${registry.host}/team/tool:1`, `${registry.host}/team/again`, '1')
  assert.ok(statuses(await push('team/again')).includes('Mounted from team/tool'))
})

test('a pulled image is pushed in the bytes it came in', async (t) => {
  const { store, registry, push } = await setUp(t)
  await registry.add({ name: 'from:1', layers: [TAR], compression: 'zstd' })
  await store.images.pull(`${registry.host}/from:1`, { signal: new AbortController().signal }, () => {})
  await store.images.tag(`${registry.host}/from:1`, `${registry.host}/to`, '1')
  await push('to')
  const digestOf = async (name: string): Promise<string> =>
    (
      JSON.parse(await registry.skopeo('inspect', '--tls-verify=false', `docker://${registry.host}/${name}`)) as {
        Digest: string
      }
    ).Digest
  assert.equal(await digestOf('to:1'), await digestOf('from:1'))
})

test('an image that is not there, a registry that is not there: an error each, nothing left over', async (t) => {
  const { store, registry, push } = await setUp(t)
  await assert.rejects(push('nobody'), { code: 'NO_SUCH_IMAGE' })
  await importAs(store, `${registry.host}/web:1`)
  await registry.stop()
  await assert.rejects(push('web'), { code: 'REGISTRY_UNREACHABLE' })
  assert.deepEqual(readdirSync(join(store.root, 'tmp')), [])
})
