/** `cgroup_parent`: cgroups above those of containers, made with the first and gone with the last. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createDriver } from './containers-driver.ts'
import { openTestEngine, type TestEngine } from './containers-support.ts'

let engine: TestEngine
let keepAlive: NodeJS.Timeout
const { run } = createDriver(() => engine)

before(async () => {
  keepAlive = setInterval(() => {}, 1000)
  engine = await openTestEngine()
})
after(async () => {
  clearInterval(keepAlive)
  await engine[Symbol.asyncDispose]()
  assert.deepEqual(engine.log, [])
})

/** Hierarchies in which the folder is. */
const treesWith = (folder: string): string[] =>
  ['', ...readdirSync('/sys/fs/cgroup')].filter((name) => existsSync(join('/sys/fs/cgroup', name, folder)))

test('a cgroup parent that came with a container goes with the last, of another engine too; one that was there stays', async (t) => {
  const fresh = `mycompose-test-${process.pid}`
  const [one, other] = [
    await run({ Cmd: ['sleep', '1000'], HostConfig: { CgroupParent: `${fresh}/inner` } }),
    await run({ Cmd: ['sleep', '1000'], HostConfig: { CgroupParent: fresh } }),
  ]
  assert.notDeepEqual(treesWith(`${fresh}/inner/${one}`), [])
  await engine.containers.remove(one, { force: true, volumes: false })
  assert.deepEqual(treesWith(`${fresh}/inner`), [])
  assert.notDeepEqual(treesWith(fresh), [])
  await engine.restart()
  await engine.containers.remove(other, { force: true, volumes: false })
  assert.deepEqual(treesWith(fresh), [])

  const [tree = ''] = treesWith('cgroup.procs').filter((name) => name !== 'unified')
  const mine = join('/sys/fs/cgroup', tree, `${fresh}-mine`)
  mkdirSync(mine)
  t.after(() => rmdirSync(mine))
  await engine.restart()
  const third = await run({ Cmd: ['sleep', '1000'], HostConfig: { CgroupParent: `${fresh}-mine` } })
  await engine.containers.remove(third, { force: true, volumes: false })
  assert.deepEqual(treesWith(`${fresh}-mine`), [tree])
})
