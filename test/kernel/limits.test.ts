/**
 * Limits that few use, as the kernel has them, with both runtimes; what this machine has no control for is warned about
 * by name and the container runs all the same. A paused container stays so over an engine restart.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { HostConfig } from '../../src/api/types/index.ts'
import { until } from '../support/poll.ts'
import { shell } from './containers-driver.ts'
import { openTestEngine, type TestEngine } from './containers-support.ts'

const MIB = 2 ** 20

interface Started {
  readonly id: string
  readonly warnings: string
}

async function run(engine: TestEngine, script: string, HostConfig: HostConfig): Promise<Started> {
  const request = { Image: 'x', Cmd: shell(script), StopTimeout: 0, HostConfig: { NetworkMode: 'none', ...HostConfig } }
  const { Id, Warnings } = await engine.containers.create(request, {})
  await engine.containers.start(Id)
  return { id: Id, warnings: Warnings.join('\n') }
}

/** A file of the container's cgroup, in whichever hierarchy it is; undefined: there is no such control here. */
async function cgroupText(engine: TestEngine, id: string, ...names: readonly string[]): Promise<string | undefined> {
  const { Pid } = (await engine.containers.inspect(id)).State
  for (const line of readFileSync(`/proc/${Pid}/cgroup`, 'utf8').trim().split('\n')) {
    const [, controllers = '', path = ''] = line.split(':')
    for (const name of names) {
      const file = `/sys/fs/cgroup/${controllers.replace('name=', '')}${path}/${name}`
      if (existsSync(file)) return readFileSync(file, 'utf8').trim()
    }
  }
  return undefined
}

/** Some whole disk with a node in /dev. */
function findDisk(): { readonly path: string; readonly number: string } {
  for (const name of readdirSync('/sys/block').toSorted().toReversed()) {
    const path = join('/dev', name)
    if (existsSync(path)) return { path, number: readFileSync(`/sys/block/${name}/dev`, 'utf8').trim() }
  }
  throw new Error('this machine has no block device')
}

for (const Runtime of ['crun', 'runc']) {
  test(`${Runtime}: processors, memory nodes, and rates of a disk`, async () => {
    await using engine = await openTestEngine()
    const disk = findDisk()
    const rate = (Rate: number): { Path: string; Rate: number }[] => [{ Path: disk.path, Rate }]
    const { id, warnings } = await run(engine, 'grep _allowed_list: /proc/self/status; sleep 100', {
      Runtime,
      CpusetCpus: '0',
      CpusetMems: '0',
      BlkioDeviceReadBps: rate(MIB),
      BlkioDeviceWriteBps: rate(2 * MIB),
      BlkioDeviceReadIOps: rate(111),
      BlkioDeviceWriteIOps: rate(222),
    })
    assert.equal(warnings, '')
    assert.equal(await cgroupText(engine, id, 'cpuset.cpus'), '0')
    assert.equal(await cgroupText(engine, id, 'cpuset.mems'), '0')
    const { Pid } = (await engine.containers.inspect(id)).State
    assert.match(readFileSync(`/proc/${Pid}/status`, 'utf8'), /^Cpus_allowed_list:\t0$/m)
    const unified = await cgroupText(engine, id, 'io.max')
    if (unified === undefined) {
      const of = (name: string): Promise<string | undefined> => cgroupText(engine, id, `blkio.throttle.${name}_device`)
      assert.equal(await of('read_bps'), `${disk.number} ${MIB}`)
      assert.equal(await of('write_bps'), `${disk.number} ${2 * MIB}`)
      assert.equal(await of('read_iops'), `${disk.number} 111`)
      assert.equal(await of('write_iops'), `${disk.number} 222`)
    } else assert.equal(unified, `${disk.number} rbps=${MIB} wbps=${2 * MIB} riops=111 wiops=222`)
  })

  test(`${Runtime}: swappiness, real-time shares, block weights: applied, or warned about where there are none`, async () => {
    await using engine = await openTestEngine()
    const { id, warnings } = await run(engine, 'sleep 100', {
      Runtime,
      Memory: 64 * MIB,
      MemorySwappiness: 37,
      CpuRealtimePeriod: 1_000_000,
      CpuRealtimeRuntime: 1000,
      BlkioWeight: 300,
    })
    const is = async (names: readonly string[], want: RegExp, warning: RegExp): Promise<void> => {
      const text = await cgroupText(engine, id, ...names)
      if (text === undefined) assert.match(warnings, warning)
      else assert.match(text, want, names.join())
    }
    await is(['memory.swappiness'], /^37$/, /swappiness/)
    await is(['cpu.rt_runtime_us'], /^1000$/, /real-time/)
    const weights = ['io.bfq.weight', 'io.weight', 'blkio.bfq.weight', 'blkio.weight']
    await is(weights, /^(default )?(300|2930|2929)\b/, /weight/)
  })
}

test('a paused container is paused for the next engine too, and goes on where it was', async () => {
  await using engine = await openTestEngine()
  const { id } = await run(engine, 'while :; do echo tick; sleep 0.02; done', {})
  const log = join(engine.base.config.paths.containers, id, 'ctr.log')
  const lines = (): number => readFileSync(log, 'utf8').split('\n').length
  await until(() => existsSync(log) && lines() > 2, { what: 'output' })
  await engine.containers.pause(id)
  const containers = await engine.restart()
  const { State } = await containers.inspect(id)
  assert.deepEqual([State.Status, State.Running, State.Paused], ['paused', true, true])
  const frozen = (await cgroupText(engine, id, 'freezer.state')) ?? (await cgroupText(engine, id, 'cgroup.freeze'))
  assert.match(frozen ?? '', /^(FROZEN|1)$/)
  await assert.rejects(containers.createExec(id, { Cmd: ['true'] }), { code: 'CONFLICT' })
  await assert.rejects(containers.pause(id), { code: 'CONFLICT' })
  const before = lines()
  await containers.unpause(id)
  await until(() => lines() > before + 2, { what: 'output after the pause' })
  assert.equal((await containers.inspect(id)).State.Pid, State.Pid)
})
