/**
 * What an engine finds at its start: containers that ended, or never came to run, while none was there; a machine that
 * was started anew (another boot id in state.db, and nothing lives). And removals that meet a start half-way.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { ContainerCreateRequest, ContainerInspect, HostConfig } from '../../src/api/types/index.ts'
import { containerTable, type ContainerDocument } from '../../src/state/containers.ts'
import { until } from '../support/poll.ts'
import { openTestEngine, type TestEngine } from './containers-support.ts'

const NO_ABORT = new AbortController().signal
const SLEEP = ['sleep', '1000']

let engine: TestEngine
let keepAlive: NodeJS.Timeout // the engine's own watchers do not hold the process

beforeEach(async () => {
  keepAlive = setInterval(() => {}, 1000)
  engine = await openTestEngine()
})
afterEach(async () => {
  clearInterval(keepAlive)
  const { config } = engine.base
  await engine[Symbol.asyncDispose]()
  assert.deepEqual(engine.log, [], 'nothing went wrong behind the scenes')
  assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(config.paths.root), 'no mount is left')
  assert.deepEqual(
    cgroupTrees().filter((tree) => existsSync(join(tree, config.cgroupParent))),
    [],
    'no cgroup is left',
  )
})

/** Every hierarchy: the v2 one, or one a controller. */
function cgroupTrees(): string[] {
  return ['', ...readdirSync('/sys/fs/cgroup')].map((name) => join('/sys/fs/cgroup', name))
}

async function create(hostConfig: HostConfig, request: ContainerCreateRequest = {}): Promise<string> {
  const { Id } = await engine.containers.create({ Image: 'test', Cmd: SLEEP, HostConfig: hostConfig, ...request }, {})
  return Id
}

async function run(hostConfig: HostConfig, request: ContainerCreateRequest = {}): Promise<string> {
  const id = await create(hostConfig, request)
  await engine.containers.start(id)
  return id
}

const stateOf = async (id: string): Promise<ContainerInspect['State']> => (await engine.containers.inspect(id)).State

const isUp = (id: string): boolean => engine.containers.isRunning(id)

function rewrite(id: string, change: (document: ContainerDocument) => ContainerDocument): void {
  const table = containerTable(engine.base.state)
  const document = table.all().find((each) => each.id === id)
  assert.ok(document)
  table.save(change(document))
}

/** Ends it while no engine looks; without an exit file when the machine is to have been off. */
async function endUnseen(id: string, how: 'told' | 'reboot'): Promise<void> {
  const { Pid } = await stateOf(id)
  const exitFile = join(engine.base.config.paths.exits, id)
  process.kill(Pid, 'SIGKILL')
  await until(() => existsSync(exitFile), { what: 'the exit file' })
  if (how === 'told') return
  rmSync(exitFile)
  rewrite(id, (document) => ({ ...document, state: { ...document.state, bootId: 'of the boot before' } }))
}

test('after a reboot always and unless-stopped come up again, others have ended with 255', async () => {
  const policies = ['always', 'unless-stopped', 'no'] as const
  const ids = new Map<string, string>()
  for (const Name of policies) ids.set(Name, await run({ RestartPolicy: { Name } }))
  const onFailure = await run({ RestartPolicy: { Name: 'on-failure' } })
  const removed = await run({ AutoRemove: true })
  const guest = await run({ RestartPolicy: { Name: 'always' }, NetworkMode: `container:${ids.get('always')}` })
  await engine.containers.shutdown()
  for (const id of [...ids.values(), onFailure, removed, guest]) await endUnseen(id, 'reboot')
  await engine.restart()

  for (const name of ['always', 'unless-stopped']) assert.ok(isUp(ids.get(name) ?? ''), name)
  assert.ok(isUp(guest), 'joined the namespaces of the one that came up before it')
  assert.ok(isUp(onFailure), 'a machine that went off is a failure')
  const plain = await stateOf(ids.get('no') ?? '')
  assert.deepEqual([plain.Status, plain.ExitCode, plain.Pid], ['exited', 255, 0])
  await assert.rejects(engine.containers.inspect(removed), { code: 'NO_SUCH_CONTAINER' })
})

test('a machine that goes down ends all in their own way, and each policy decides at the next boot', async () => {
  const onUsr1 = (code: number): ContainerCreateRequest => ({
    Cmd: ['sh', '-c', `trap 'exit ${code}' USR1; touch /tmp/armed; sleep 1000 & wait`],
    StopSignal: 'SIGUSR1',
  })
  const deaf = { Cmd: ['sh', '-c', 'trap "" TERM; touch /tmp/armed; sleep 1000'] }
  const cases = [
    { policy: 'always', request: onUsr1(7), code: 7, comesUp: true },
    { policy: 'unless-stopped', request: onUsr1(0), code: 0, comesUp: true },
    { policy: 'on-failure', request: onUsr1(7), code: 7, comesUp: true },
    { policy: 'on-failure', request: onUsr1(0), code: 0, comesUp: false },
    { policy: 'no', request: onUsr1(7), code: 7, comesUp: false },
    { policy: 'unless-stopped', request: { ...deaf, StopTimeout: -1 }, code: 137, comesUp: true },
    { policy: 'always', request: { ...deaf, StopTimeout: 0 }, code: 137, comesUp: true },
  ] as const
  const ids: string[] = []
  for (const { policy: Name, request } of cases) ids.push(await run({ RestartPolicy: { Name } }, request))
  const upper = (id: string): string => join(engine.base.config.paths.containers, id, 'upper')
  for (const id of ids) await until(() => existsSync(join(upper(id), 'tmp/armed')), { what: 'its trap' })
  const byHand = await run({ RestartPolicy: { Name: 'unless-stopped' } })
  await engine.containers.stop(byHand, { timeoutSeconds: 0 })
  const waiting = await run({ RestartPolicy: { Name: 'unless-stopped' } }, { Cmd: ['false'] })
  const restarts = async (): Promise<number> => (await engine.containers.inspect(waiting)).RestartCount
  await until(async () => (await restarts()) >= 3 && (await stateOf(waiting)).Restarting, { what: 'a longer pause' })

  const begun = await restarts()
  await engine.containers.halt({ maxGraceSeconds: 1 })
  assert.deepEqual([...ids, byHand, waiting].filter(isUp), [], 'none runs')
  for (const [index, { code, policy }] of cases.entries())
    assert.equal((await stateOf(ids[index] ?? '')).ExitCode, code, `the end of ${policy} (${code})`)
  const documents = containerTable(engine.base.state).all()
  assert.deepEqual(
    documents.filter(({ manuallyStopped }) => manuallyStopped).map(({ id }) => id),
    [byHand],
  )
  await assert.rejects(engine.containers.start(byHand), { code: 'CONFLICT' }, 'nothing starts any more')
  await delay(1000) // longer than the pause that was under way
  assert.equal(await restarts(), begun)

  for (const id of [...ids, byHand, waiting])
    rewrite(id, (document) => ({ ...document, state: { ...document.state, bootId: 'of the boot before' } }))
  await engine.restart()
  assert.deepEqual(
    ids.map(isUp),
    cases.map(({ comesUp }) => comesUp),
  )
  assert.equal(isUp(byHand), false, 'a user had stopped it')
  assert.ok((await stateOf(waiting)).Status !== 'exited', 'is tried again')
})

test('what a user had stopped comes up with the engine only for always', async () => {
  const names = ['always', 'unless-stopped', 'on-failure'] as const
  const ids: string[] = []
  for (const Name of names) ids.push(await run({ RestartPolicy: { Name } }))
  for (const id of ids) await engine.containers.stop(id, { timeoutSeconds: 0 })
  await engine.restart()
  assert.deepEqual(ids.map(isUp), [true, false, false])
})

test('on-failure counts its tries across an absence of the engine', async () => {
  const limited = { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 1 } } as const
  const id = await run(limited)
  await engine.containers.shutdown()
  await endUnseen(id, 'told')
  await engine.restart()
  assert.ok(isUp(id), 'the one try that it has')
  assert.equal((await engine.containers.inspect(id)).RestartCount, 1)
  await engine.containers.shutdown()
  await endUnseen(id, 'told')
  await engine.restart()
  const state = await stateOf(id)
  assert.deepEqual([state.Status, state.ExitCode], ['exited', 137])
  await engine.restart()
  assert.equal(isUp(id), false, 'nor at the start after that')
})

test('a stop that the engine did not live to finish is remembered', async () => {
  const id = await run({ RestartPolicy: { Name: 'on-failure' } })
  await engine.containers.shutdown()
  await endUnseen(id, 'told')
  rewrite(id, (document) => ({ ...document, manuallyStopped: true }))
  await engine.restart()
  assert.equal((await stateOf(id)).Status, 'exited')
})

test('a stop and a restart that the engine did not live to finish are finished', async () => {
  const unfinished = async (id: string): Promise<unknown> =>
    containerTable(engine.base.state)
      .all()
      .find((each) => each.id === id)?.unfinished
  const stopped = await run({})
  rewrite(stopped, (document) => ({
    ...document,
    manuallyStopped: true,
    unfinished: { kind: 'stop', timeoutSeconds: 0 },
  }))
  const restarted = await run({})
  const { Pid } = await stateOf(restarted)
  rewrite(restarted, (document) => ({ ...document, unfinished: { kind: 'restart', timeoutSeconds: 0 } }))
  const ended = await run({})
  const begun = await run({})
  await engine.containers.shutdown()
  await endUnseen(ended, 'told')
  rewrite(ended, (document) => ({ ...document, unfinished: { kind: 'restart' } }))
  rewrite(begun, (document) => ({
    ...document,
    unfinished: { kind: 'start', again: true },
    state: { ...document.state, status: 'exited', process: undefined, conmon: undefined },
  }))
  await engine.restart()
  assert.ok(isUp(ended), 'it had ended, and was to be started')
  assert.ok(isUp(begun), 'its start was undone, and made again')
  await until(() => !isUp(stopped), { what: 'the stop' })
  assert.deepEqual([(await stateOf(stopped)).ExitCode, await unfinished(stopped)], [137, undefined])
  await until(async () => ![0, Pid].includes((await stateOf(restarted)).Pid), { what: 'the restart' })
  for (const id of [restarted, ended, begun])
    await until(async () => (await unfinished(id)) === undefined, { what: 'nothing is left to do' })
})

test('an AutoRemove container whose end was recorded but not its removal goes at the next start', async () => {
  const id = await create({ AutoRemove: true })
  rewrite(id, (document) => ({ ...document, state: { ...document.state, status: 'exited' } }))
  const fresh = await create({ AutoRemove: true })
  await engine.restart()
  await assert.rejects(engine.containers.inspect(id), { code: 'NO_SUCH_CONTAINER' })
  assert.equal((await stateOf(fresh)).Status, 'created', 'one that was never started stays')
})

test('processes of a start that was cut short are cleared away', async () => {
  const id = await run({})
  const { Pid } = await stateOf(id)
  await engine.containers.shutdown()
  rewrite(id, (document) => ({
    ...document,
    state: { ...document.state, status: 'created', process: undefined, bootId: '' },
  }))
  await engine.restart()
  await until(() => !existsSync(`/proc/${Pid}`), { what: 'the process is gone' })
  assert.equal(await engine.containers.start(id), true)
  assert.ok(isUp(id))
})

test('a start of which only conmon and the runtime know is undone', async () => {
  const id = await create({ RestartPolicy: { Name: 'no' } })
  rewrite(id, (document) => ({ ...document, unfinished: { kind: 'start' } }))
  // stands for the two: they are told by their arguments
  const conmon = spawn('sleep', ['1000', '--cid', id, engine.base.config.paths.exits], { argv0: 'conmon' })
  const runtime = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', 'create', id], { stdio: 'ignore' })
  const ends = [once(conmon, 'exit'), once(runtime, 'exit')]
  await engine.restart()
  await Promise.all(ends)
  assert.equal((await stateOf(id)).Status, 'created')
  assert.equal(await engine.containers.start(id), true)
})

test('a create that was cut short is undone, a removal is finished, each with its anonymous volumes', async () => {
  const { containers: folder } = engine.base.config.paths
  const created = await create({ Binds: ['/scratch'] })
  const removed = await create({})
  rewrite(created, (document) => ({ ...document, unfinished: { kind: 'create' } }))
  rewrite(removed, (document) => ({ ...document, unfinished: { kind: 'remove', volumes: true } }))
  await engine.restart()
  for (const id of [created, removed]) {
    await assert.rejects(engine.containers.inspect(id), { code: 'NO_SUCH_CONTAINER' })
    await until(() => !existsSync(join(folder, id)), { what: 'its folder is gone' })
  }
  assert.deepEqual(containerTable(engine.base.state).all(), [])
})

test('what a lost state.db knew is ended, and the files of its containers are kept', async () => {
  const id = await run({ NetworkMode: 'host' })
  const { Pid } = await stateOf(id)
  const folder = join(engine.base.config.paths.containers, id)
  mkdirSync(join(folder, 'upper'), { recursive: true })
  writeFileSync(join(folder, 'upper', 'precious'), 'data')
  writeFileSync(join(folder, 'layers.json'), '[]')
  await engine.containers.shutdown()
  containerTable(engine.base.state).delete(id)
  await engine.restart()
  await until(() => !existsSync(`/proc/${Pid}`), { what: 'the process is gone' })
  const kept = join(engine.base.config.paths.containers, `lost-${id}`)
  assert.equal(readFileSync(join(kept, 'upper', 'precious'), 'utf8'), 'data')
  await engine.restart()
  assert.ok(existsSync(kept), 'and at the start after that')
  assert.equal(engine.log.splice(0).length, 1, 'told once')
})

test('an exit code is read from the conmon that is about to write it, and is not lost by a crash after that', async () => {
  const id = await run({})
  const { Pid } = await stateOf(id)
  const conmon = Number(readFileSync(join(engine.base.config.paths.containers, id, 'bundle/conmon.pid'), 'utf8'))
  await engine.containers.shutdown()
  process.kill(conmon, 'SIGSTOP')
  process.kill(Pid, 'SIGKILL')
  const isZombie = (): boolean => readFileSync(`/proc/${Pid}/stat`, 'utf8').includes(') Z ')
  await until(isZombie, { what: 'it has ended and conmon does not look' })
  const restarting = engine.restart()
  await delay(100)
  process.kill(conmon, 'SIGCONT')
  await restarting
  assert.equal((await stateOf(id)).ExitCode, 137)
})

/** Its network is there, its process is not. */
const halfWay = (id: string): Promise<boolean> =>
  until(() => existsSync(join(engine.base.config.paths.netns, id)), { what: 'a start under way' })

test('force removal during a start leaves nothing; without force it is refused', async () => {
  const id = await create({})
  const starting = engine.containers.start(id)
  await halfWay(id)
  await assert.rejects(engine.containers.remove(id, { force: false, volumes: false }), { code: 'CONTAINER_RUNNING' })
  await starting
  const { Pid } = await stateOf(id)
  assert.ok(Pid > 0)

  const other = await create({})
  const starts = engine.containers.start(other)
  await halfWay(other)
  await engine.containers.remove(other, { force: true, volumes: false })
  await starts
  await assert.rejects(engine.containers.inspect(other), { code: 'NO_SUCH_CONTAINER' })
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
  assert.ok(!mounts.includes(other), 'no mount of it')
})

test('during the pause before a restart: rm wants force, stop ends the waiting, kill during a start waits for it', async () => {
  const failing = { Cmd: ['false'] }
  const id = await run({ RestartPolicy: { Name: 'always' } }, failing)
  const isWaiting = async (): Promise<boolean> => (await stateOf(id)).Restarting
  await until(isWaiting, { what: 'a pause between restarts' })
  await assert.rejects(engine.containers.remove(id, { force: false, volumes: false }), { code: 'CONTAINER_RUNNING' })
  // by its third try the pause is long enough to be met for sure
  await until(async () => (await engine.containers.inspect(id)).RestartCount >= 3 && (await isWaiting()), {
    what: 'a longer pause',
  })
  const waiting = engine.containers.wait(id, 'not-running', NO_ABORT)
  assert.equal(await engine.containers.stop(id, {}), true)
  assert.deepEqual(await waiting, { StatusCode: 1 })
  assert.equal((await stateOf(id)).Status, 'exited')

  const removed = await run({ RestartPolicy: { Name: 'always' } }, failing)
  await until(async () => (await stateOf(removed)).Restarting, { what: 'a pause between restarts' })
  await engine.containers.remove(removed, { force: true, volumes: false })
  await delay(250)
  await assert.rejects(engine.containers.inspect(removed), { code: 'NO_SUCH_CONTAINER' })

  const killed = await create({})
  const starting = engine.containers.start(killed)
  await engine.containers.kill(killed, 'SIGKILL')
  await starting
  assert.equal((await stateOf(killed)).ExitCode, 137)
})

test('a stop that waited for a removal brings no ghost back', async () => {
  const id = await run({})
  const removing = engine.containers.remove(id, { force: true, volumes: false })
  await engine.containers.stop(id, { timeoutSeconds: 0 }).catch(() => {})
  await removing
  assert.deepEqual(containerTable(engine.base.state).all(), [])
})

test('conmon is in a cgroup of its own, out of reach of the unit or session that the engine was started in', async () => {
  const id = await run({})
  const { containers } = engine.base.config.paths
  const pid = readFileSync(join(containers, id, 'bundle/conmon.pid'), 'utf8').trim()
  const leaf = `/${engine.base.config.cgroupParent}/conmon`
  const seenBySystemd = (): string[] =>
    readFileSync(`/proc/${pid}/cgroup`, 'utf8')
      .split('\n')
      .flatMap((line) => /^(?:0:|\d+:name=systemd):(.*)$/.exec(line)?.[1] ?? [])
  await until(() => seenBySystemd().every((path) => path === leaf), { what: `conmon in ${leaf}` })
  assert.ok(seenBySystemd().length > 0)
})

test('a paused container is stopped, and an exit file with nonsense is an unknown end', async () => {
  const id = await run({})
  await engine.containers.pause(id)
  await engine.containers.stop(id, { timeoutSeconds: 0 })
  assert.deepEqual([(await stateOf(id)).Status, (await stateOf(id)).Paused], ['exited', false])

  const odd = await run({})
  await engine.containers.shutdown()
  await endUnseen(odd, 'told')
  writeFileSync(join(engine.base.config.paths.exits, odd), 'nonsense')
  await engine.restart()
  assert.equal((await stateOf(odd)).ExitCode, 255)
})
