/** Runtime options as they are inside the container: devices by name, other runtimes, annotations, refused words. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { HostConfig } from '../../src/api/types/index.ts'
import { findProgram } from '../../src/engine/runtime/programs.ts'
import { createDriver, shell } from './containers-driver.ts'
import { openTestEngine, type TestEngine } from './containers-support.ts'

const create = (engine: TestEngine, HostConfig: HostConfig, script = 'true') =>
  engine.containers.create({ Image: 'x', Cmd: shell(script), HostConfig }, {})

const output = async (engine: TestEngine, script: string, HostConfig: HostConfig): Promise<string> =>
  (await createDriver(() => engine).outputOf({ Cmd: shell(script), HostConfig })).trim()

test('a device by its CDI name: node, variables, mounts, groups; all of a class by capability', async () => {
  const file = '/var/run/cdi/mycompose-test.yaml'
  mkdirSync('/var/run/cdi', { recursive: true })
  writeFileSync(
    file,
    `cdiVersion: 0.6.0
kind: mycompose.test/gpu
containerEdits:
  env: [COMMON=yes]
  additionalGids: [4321]
devices:
  - name: "0"
    containerEdits:
      env: [DEVICE=zero]
      deviceNodes: [{ path: /dev/test-gpu0, hostPath: /dev/null }]
      mounts: [{ hostPath: /etc/hostname, containerPath: /cdi-file, options: [ro, bind] }]
  - name: "1"
    containerEdits:
      env: [DEVICE=one]
`,
  )
  try {
    await using engine = await openTestEngine()
    const look = 'echo $COMMON $DEVICE; id -G; stat -c "%t:%T" /dev/test-gpu0; cat /cdi-file'
    const byName = await output(engine, look, {
      DeviceRequests: [{ Driver: 'cdi', DeviceIDs: ['mycompose.test/gpu=0'] }],
    })
    assert.equal(byName, `yes zero\n0 4321\n1:3\n${readFileSync('/etc/hostname', 'utf8').trim()}`)
    const gpus = { Driver: 'mycompose', Capabilities: [['gpu']] }
    assert.equal(await output(engine, 'echo $DEVICE', { DeviceRequests: [{ ...gpus, DeviceIDs: ['1'] }] }), 'one')
    assert.equal(
      await output(engine, 'ls /dev/test-gpu0', { DeviceRequests: [{ ...gpus, Count: -1 }] }),
      '/dev/test-gpu0',
    )
    for (const request of [
      { ...gpus, Count: 3 },
      { Driver: 'cdi', DeviceIDs: ['mycompose.test/gpu=7'] },
      { Driver: 'nobody', Capabilities: [['gpu']], Count: 1 },
    ])
      await assert.rejects(create(engine, { DeviceRequests: [request] }), { code: 'NO_SUCH_DEVICE' })
  } finally {
    rmSync(file)
  }
})

test('a runtime by the path of its program, through stop, engine restart and exec; others are refused', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mycompose-runtime-'))
  const wrapper = join(folder, 'wrapper')
  try {
    await using engine = await openTestEngine()
    writeFileSync(wrapper, `#!/bin/sh\nexec ${findProgram(engine.base.host, 'runc')} "$@"\n`, { mode: 0o755 })
    assert.equal(await output(engine, 'echo it runs', { Runtime: wrapper }), 'it runs')
    const { Id } = await create(engine, { Runtime: wrapper }, 'sleep 100')
    await engine.containers.start(Id)
    const again = await engine.restart()
    const { State, HostConfig } = await again.inspect(Id)
    assert.deepEqual([State.Running, HostConfig.Runtime], [true, wrapper])
    await again.stop(Id, { timeoutSeconds: 0 })
    assert.equal((await again.inspect(Id)).State.ExitCode, 137)
    writeFileSync(join(folder, 'open'), '#!/bin/sh\n', { mode: 0o777 })
    rmSync(join(folder, 'none'), { force: true })
    const { host } = engine.base
    await host.files.chmod(join(folder, 'open'), 0o777)
    for (const Runtime of [join(folder, 'open'), join(folder, 'none'), 'reboot', 'sh'])
      await assert.rejects(create(engine, { Runtime }), { code: 'INVALID_REQUEST' }, Runtime)
    assert.deepEqual(engine.log, [])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('words that are not understood are refused, not taken for the default', async () => {
  await using engine = await openTestEngine()
  const wrong: HostConfig[] = [
    { UsernsMode: 'auto' },
    { UTSMode: 'container:x' },
    { CgroupnsMode: 'shared' as 'host' },
    { PidMode: 'shareable' },
    { IpcMode: 'guest' },
    { CapAdd: ['NET_EVERYTHING'] },
    { SecurityOpt: ['seccomp={'] },
    { SecurityOpt: ['systempaths=some'] },
    { Sysctls: { 'vm.swappiness': '1' } },
    { Sysctls: { 'net.core.somaxconn': '1' }, NetworkMode: 'host' },
  ]
  for (const HostConfig of wrong)
    await assert.rejects(create(engine, HostConfig), { code: 'INVALID_REQUEST' }, JSON.stringify(HostConfig))
})

test('annotations reach the runtime, orders to it do not, labels of images never', async () => {
  await using engine = await openTestEngine({ Labels: { 'run.oci.hooks.stdout': '/tmp/x', 'io.foo': 'label' } })
  const Annotations = { 'com.example.team': 'a', 'run.oci.seccomp_bpf_data': 'QUFB', 'module.wasm.image/variant': 'c' }
  const { Id, Warnings } = await create(engine, { Annotations }, 'sleep 100')
  assert.equal(Warnings.length, 2)
  await engine.containers.start(Id)
  const bundle = join(engine.base.config.paths.containers, Id, 'bundle', 'config.json')
  const { annotations } = JSON.parse(readFileSync(bundle, 'utf8')) as { annotations: Record<string, string> }
  assert.deepEqual(Object.keys(annotations), ['com.example.team', 'run.oci.seccomp_bpf_data'])
  assert.notEqual(annotations['run.oci.seccomp_bpf_data'], 'QUFB')
})

for (const Runtime of ['crun', 'runc'])
  test(`${Runtime}: a privileged exec has all capabilities, and the filter of its container, as with docker`, async () => {
    await using engine = await openTestEngine()
    const { Id } = await create(engine, { Runtime }, 'sleep 100')
    await engine.containers.start(Id)
    const { exec } = createDriver(() => engine)
    const look = (Privileged: boolean): Promise<{ readonly output: string }> =>
      exec(Id, { Privileged, Cmd: ['grep', '-E', '^(CapEff|CapInh|Seccomp):', '/proc/self/status'] })
    const host = BigInt(`0x${/^CapBnd:\t([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`)
    const effective = (text: string): bigint => BigInt(`0x${/^CapEff:\t([0-9a-f]+)$/m.exec(text)?.[1] ?? '0'}`)
    const [plain, privileged] = [(await look(false)).output, (await look(true)).output]
    assert.equal(effective(privileged), host)
    assert.ok(effective(plain) < host)
    for (const text of [plain, privileged]) assert.match(text, /^CapInh:\t0+\n(?:.*\n)*Seccomp:\t2$/m)
  })
