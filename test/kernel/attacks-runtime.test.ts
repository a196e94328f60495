/**
 * Attacks on the runtime, namespaces and ids that have worked against others, tried from inside a container. Each says
 * which row of the security history (CVE) it stands for.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { findProgram } from '../../src/engine/runtime/programs.ts'
import { createDriver, shell } from './containers-driver.ts'
import { openTestEngine, type TestEngine } from './containers-support.ts'

const RUNTIMES = ['crun', 'runc']
const hash = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex')
const pathOf = ({ base }: TestEngine, name: string): string => findProgram(base.host, name) ?? ''

for (const Runtime of RUNTIMES) {
  test(`${Runtime}: its program cannot be overwritten through /proc (CVE-2019-5736)`, async () => {
    await using engine = await openTestEngine()
    const { run, exec } = createDriver(() => engine)
    const before = RUNTIMES.map((name) => hash(pathOf(engine, name)))
    const attack = 'while :; do for p in /proc/[0-9]*; do echo evil 2>/dev/null >$p/exe; done; done'
    const id = await run({
      Cmd: shell(`printf '#!/proc/self/exe\n' > /evil; chmod 755 /evil; ${attack}`),
      HostConfig: { Runtime },
    })
    for (const Cmd of [['/evil'], ['sh', '-c', 'echo alive'], ['/evil']])
      await exec(id, { Cmd, AttachStdout: true }).catch(() => {}) // a refusal is as good
    const after = RUNTIMES.map((name) => hash(pathOf(engine, name)))
    assert.deepEqual(after, before)
  })

  test(`${Runtime}: what is masked is masked, what is read-only is so (CVE-2025-31133, CVE-2019-16884, CVE-2022-0492)`, async () => {
    await using engine = await openTestEngine()
    const { outputOf } = createDriver(() => engine)
    const script = `
      for f in kcore keys timer_list; do [ -e /proc/$f ] && head -c 1 /proc/$f | wc -c; done
      [ -z "$(ls /sys/firmware 2>/dev/null)" ] && echo no firmware
      for f in /proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/irq/default_smp_affinity /sys/kernel/uevent_helper; do
        (echo x > $f) 2>/dev/null && echo wrote $f; done
      mount -t cgroup -o memory none /tmp 2>/dev/null && echo mounted
      mount -t tmpfs none /tmp 2>/dev/null && echo mounted
      unshare -Ur true 2>/dev/null && echo unshared
      awk '$3 ~ /^cgroup/ && $4 !~ /^ro,/ { print "writable", $2 }' /proc/self/mounts
      for d in /sys/fs/cgroup/*/; do mkdir $d/x 2>/dev/null && echo made $d; done
      grep -c ' /proc/sys proc ro' /proc/self/mounts`
    const text = await outputOf({ Cmd: shell(script), HostConfig: { Runtime } })
    assert.doesNotMatch(text, /wrote|mounted|unshared|writable|made|^1\n/)
    assert.match(text, /no firmware/)
    assert.match(text, /^0\n[^]*\n1\n?$/)
  })

  test(`${Runtime}: groups that take rights away are there, for an exec too (CVE-2022-36109)`, async () => {
    await using engine = await openTestEngine()
    const { run, exec, until } = createDriver(() => engine)
    const prepare = 'echo secret > /tmp/f; chgrp 2000 /tmp/f 2>/dev/null; chmod 704 /tmp/f; touch /tmp/ready; sleep 100'
    const id = await run({ Cmd: shell(prepare.replace('chgrp', 'busybox chgrp')), HostConfig: { Runtime } })
    await until(async () => (await exec(id, { Cmd: ['ls', '/tmp/ready'], AttachStdout: true })).exitCode === 0)
    const asWorker = await exec(id, { Cmd: ['cat', '/tmp/f'], User: 'worker', AttachStdout: true })
    assert.notEqual(asWorker.exitCode, 0)
    assert.doesNotMatch(asWorker.output, /secret/)
  })
}

test('ids that wrap around or are no ids are refused (CVE-2024-40635, CVE-2026-30892)', async () => {
  await using engine = await openTestEngine()
  const { run, exec } = createDriver(() => engine)
  for (const User of ['2147483648', '4294967296', '-1', '1:', '1:2:3', '0x0', ' 0'])
    await assert.rejects(
      async () => {
        const { Id } = await engine.containers.create({ Image: 'x', Cmd: ['id'], User }, {})
        await engine.containers.start(Id)
      },
      { code: 'INVALID_REQUEST' },
      User,
    )
  const id = await run({ Cmd: ['sleep', '100'] })
  for (const User of ['2147483648', '4294967296', '-1', '1:', '1:2:3'])
    await assert.rejects(exec(id, { Cmd: ['id'], User, AttachStdout: true }), { code: 'INVALID_REQUEST' }, User)
})

test('conmon holds nothing of the engine: no variables, no files, no abstract socket (CVE-2020-15257)', async () => {
  await using engine = await openTestEngine()
  const { run } = createDriver(() => engine)
  const id = await run({ Cmd: ['sleep', '100'], Env: ['PASSWORD=hidden'] })
  const bundle = join(engine.base.config.paths.containers, id, 'bundle')
  const pid = readFileSync(join(bundle, 'conmon.pid'), 'utf8').trim()
  const names = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean)
  assert.deepEqual(new Set(names.map((entry) => entry.split('=')[0])), new Set(['PATH', '_OCI_SYNCPIPE']))
  assert.doesNotMatch(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), /hidden/)
  const files = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
  assert.deepEqual(
    files.filter((file) => /state\.db|engine\./.test(file)),
    [],
  )
  const abstract = readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .filter((line) => / @.*(mycompose|conmon)/.test(line))
  assert.deepEqual(abstract, [])
})
