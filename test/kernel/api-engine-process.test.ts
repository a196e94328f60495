/** The engine as a process: one per root, ready when it says so, gone without a trace, restarted after a crash. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { connectEngine } from '../../src/api/client/connect.ts'
import { ALREADY_RUNNING_EXIT_CODE, engineConfig, type EngineConfig } from '../../src/engine/config.ts'
import { describeTraces, findTraces, sweep } from '../support/leaks.ts'
import { nodeForSources } from '../support/node-sources.ts'

const MAIN = join(import.meta.dirname, '../../src/engine/main.ts')

interface Started {
  readonly child: ChildProcess
  /** Standard output and standard error, as far as they have come. */
  readonly said: { out: string; err: string }
  readonly exited: Promise<number | null>
}

function start(root: string): Started {
  const [node, ...options] = nodeForSources
  const child = spawn(node, [...options, MAIN, '--root', root], { stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { out: '', err: '' }
  child.stdout.on('data', (data: Buffer) => (said.out += data.toString()))
  child.stderr.on('data', (data: Buffer) => (said.err += data.toString()))
  const exited = once(child, 'close').then(([code]) => code as number | null)
  return { child, said, exited }
}

async function untilReady({ child, said, exited }: Started): Promise<void> {
  const ended = exited.then((code) => {
    throw new Error(`the engine ended with ${code}: ${said.err}`)
  })
  ended.catch(() => {})
  while (!said.out.includes('ready\n'))
    await Promise.race([once(child.stdout as NonNullable<typeof child.stdout>, 'data'), ended])
}

describe('engine process', () => {
  let root = ''
  let config: EngineConfig
  const running: Started[] = []
  const startReady = async (): Promise<Started> => {
    const engine = start(root)
    running.push(engine)
    await untilReady(engine)
    return engine
  }

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'mycompose-process-'))
    config = engineConfig(root, 'test')
  })
  afterEach(async () => {
    for (const { child, exited } of running.splice(0)) {
      child.kill('SIGKILL')
      await exited
    }
    await sweep(config)
    rmSync(root, { recursive: true, force: true })
  })

  it('listens on a socket that is not open to all, and leaves nothing when it is told to end', async () => {
    const { child, exited } = await startReady()
    assert.equal(statSync(config.paths.socket).mode & 0o7, 0)
    assert.equal(statSync(config.paths.root).mode & 0o777, 0o700)
    assert.equal(statSync(config.paths.run).mode & 0o777, 0o711)
    const client = connectEngine({ socketPath: config.paths.socket })
    const status = await client.status()
    assert.equal(status.Pid, child.pid)
    assert.equal(status.Root, config.paths.root)
    await client.shutdown()
    client.close()
    assert.equal(await exited, 0)
    assert.deepEqual(describeTraces(await findTraces(config)), [])
    assert.ok(!existsSync(config.paths.run), 'the run folder is still there')
  })

  it('is alone on its root', async () => {
    await startReady()
    const second = start(root)
    assert.equal(await second.exited, ALREADY_RUNNING_EXIT_CODE)
    assert.equal((JSON.parse(second.said.err) as { code: string }).code, 'ALREADY_RUNNING')
    const client = connectEngine({ socketPath: config.paths.socket })
    await client.version()
    client.close()
  })

  it('takes over after a crash', async () => {
    const first = await startReady()
    first.child.kill('SIGKILL')
    await first.exited
    assert.ok(existsSync(config.paths.socket), 'a killed engine cannot clean up')
    const second = await startReady()
    second.child.kill('SIGTERM')
    assert.equal(await second.exited, 0)
  })

  it('says in one line of JSON why it cannot start', async () => {
    const { exited, said } = start('/proc/no-such-folder')
    assert.equal(await exited, 1)
    const report = JSON.parse(said.err) as { code: string; message: string }
    assert.equal(typeof report.code, 'string')
    assert.match(report.message, /no-such-folder/)
  })

  it('serves many that start it at once', async () => {
    const engines = Array.from({ length: 4 }, () => start(root))
    running.push(...engines)
    const outcomes = await Promise.all(
      engines.map(async (engine) => {
        const code = await Promise.race([
          untilReady(engine).then(() => 'ready'),
          engine.exited.catch(() => null),
        ]).catch(() => engine.exited)
        return code
      }),
    )
    assert.equal(outcomes.filter((outcome) => outcome === 'ready').length, 1)
    assert.equal(outcomes.filter((outcome) => outcome === ALREADY_RUNNING_EXIT_CODE).length, 3)
  })
})
