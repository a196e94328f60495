/** Limits, their change while a container runs, what it uses, and kills for want of memory, as the kernel has them. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { HostConfig } from '../../src/api/types/index.ts'
import { until } from '../support/poll.ts'
import { NO_ABORT, shell } from './containers-driver.ts'
import { openTestEngine, type TestEngine } from './containers-support.ts'

const MIB = 2 ** 20
const OOM = 'while :; do X="$X$X"; [ -n "$X" ] || X=aaaaaaaaaaaaaaaa; done'

async function run(engine: TestEngine, script: string, HostConfig: HostConfig = {}): Promise<string> {
  const { Id } = await engine.containers.create({ Image: 'x', Cmd: shell(script), StopTimeout: 0, HostConfig }, {})
  await engine.containers.start(Id)
  return Id
}

/** The first of the files that there is in a hierarchy of the container's first process. */
async function cgroupText(engine: TestEngine, id: string, ...names: readonly string[]): Promise<string> {
  const { Pid } = (await engine.containers.inspect(id)).State
  for (const line of readFileSync(`/proc/${Pid}/cgroup`, 'utf8').trim().split('\n')) {
    const [, controllers = '', path = ''] = line.split(':')
    for (const name of names) {
      const file = `/sys/fs/cgroup/${controllers.replace('name=', '')}${path}/${name}`
      if (existsSync(file)) return readFileSync(file, 'utf8').trim()
    }
  }
  throw new Error(`no ${names.join(' or ')} for ${id}`)
}

const memoryLimit = (engine: TestEngine, id: string): Promise<string> =>
  cgroupText(engine, id, 'memory.limit_in_bytes', 'memory.max')

for (const Runtime of ['crun', 'runc'])
  test(`${Runtime}: update changes a running container, is recorded, and is refused whole`, async () => {
    await using engine = await openTestEngine()
    const id = await run(engine, 'sleep 100', { Runtime, Memory: 64 * MIB, NanoCpus: 1e9 })
    const { containers } = engine
    await containers.update(id, { Memory: 200 * MIB, PidsLimit: 33, NanoCpus: 5e8, CpuShares: 0 })
    assert.equal(await memoryLimit(engine, id), String(200 * MIB))
    assert.equal(await cgroupText(engine, id, 'pids.max'), '33')
    assert.match(await cgroupText(engine, id, 'cpu.cfs_quota_us', 'cpu.max'), /^50000\b/)
    await containers.update(id, { Memory: 32 * MIB, PidsLimit: -1 })
    assert.equal(await memoryLimit(engine, id), String(32 * MIB))
    assert.equal(await cgroupText(engine, id, 'pids.max'), 'max')
    await assert.rejects(containers.update(id, { Memory: MIB }), { code: 'INVALID_REQUEST' })
    await assert.rejects(containers.update(id, { CpuQuota: 5000 }), { code: 'CONFLICT' })
    await containers.update(id, { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 } })
    const { HostConfig } = await (await engine.restart()).inspect(id)
    assert.deepEqual(
      [HostConfig.Memory, HostConfig.NanoCpus, HostConfig.PidsLimit, HostConfig.RestartPolicy],
      [32 * MIB, 5e8, -1, { Name: 'on-failure', MaximumRetryCount: 2 }],
    )
  })

test('an update that was recorded and no more is made good by the next engine', async () => {
  await using engine = await openTestEngine()
  const id = await run(engine, 'sleep 100', { Memory: 64 * MIB })
  const row = engine.base.state.prepare('SELECT doc FROM containers WHERE id = ?').get(id)
  const document = JSON.parse(String(row?.['doc'])) as { hostConfig: HostConfig }
  const changed = { ...document, hostConfig: { ...document.hostConfig, Memory: 96 * MIB }, limitsPending: true }
  engine.base.state.prepare('UPDATE containers SET doc = ? WHERE id = ?').run(JSON.stringify(changed), id)
  await engine.restart()
  assert.equal(await memoryLimit(engine, id), String(96 * MIB))
})

test('a child that is killed for want of memory is told while the container goes on', async () => {
  await using engine = await openTestEngine()
  const id = await run(engine, `sh -c '${OOM}'; sleep 100`, { Memory: 16 * MIB, MemorySwap: 16 * MIB })
  await until(() => engine.events.some(({ Action, Actor }) => Action === 'oom' && Actor.ID === id), {
    what: 'event oom',
  })
  const { State } = await engine.containers.inspect(id)
  assert.deepEqual([State.Running, State.OOMKilled], [true, true])
  await (await engine.restart()).kill(id, 'SIGKILL')
  await engine.containers.wait(id, 'not-running', NO_ABORT)
  assert.equal(engine.events.filter(({ Action }) => Action === 'oom').length, 1)
  const [summary] = await engine.containers.list({ all: true, size: false, filters: {} })
  assert.match(summary?.Status ?? '', /^Exited \(137\) .* ago \(out of memory\)$/)
})

test('what a container uses is what its cgroup says; nothing when it does not run', async () => {
  await using engine = await openTestEngine()
  const id = await run(engine, 'while :; do :; done', { Memory: 64 * MIB, PidsLimit: 7 })
  const first = await engine.containers.stats(id)
  await until(
    async () =>
      (await engine.containers.stats(id)).cpu_stats.cpu_usage.total_usage > first.cpu_stats.cpu_usage.total_usage,
    { what: 'processor time' },
  )
  assert.equal(first.memory_stats.limit, 64 * MIB)
  assert.deepEqual(first.pids_stats, { current: 1, limit: 7 })
  const used = await cgroupText(engine, id, 'memory.usage_in_bytes', 'memory.current')
  assert.ok(Math.abs(Number(used) - (first.memory_stats.usage ?? 0)) < MIB)
  await engine.containers.stop(id, { timeoutSeconds: 0 })
  const after = await engine.containers.stats(id)
  assert.deepEqual([after.memory_stats, after.pids_stats, after.cpu_stats.cpu_usage.total_usage], [{}, {}, 0])
})
