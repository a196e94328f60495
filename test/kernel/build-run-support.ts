/**
 * RUN steps on the real kernel without parser, plan and solver: an engine on a root of its own, a state of busybox, and
 * steps that are given as the solver would give them. What an engine must not leave is looked for when it closes.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createCacheMounts } from '../../src/engine/build/run/cache-mounts.ts'
import type { MountOrigin } from '../../src/engine/build/run/bind-source.ts'
import { runStep } from '../../src/engine/build/run/run.ts'
import type { RunContext, RunStep, RunWork, StepResult } from '../../src/engine/build/run/step.ts'
import { openSnapshot } from '../../src/engine/build/snapshot/snapshot.ts'
import { engineConfig, type EngineConfig } from '../../src/engine/config.ts'
import { openEngine, type Engine } from '../../src/engine/engine.ts'
import { NOTHING_NS } from '../../src/engine/layers/repack.ts'
import { commitLayers, discardLayer, stageLayer } from '../../src/engine/layers/store.ts'
import { createNodeHost } from '../../src/host/node-host.ts'
import { saveImage } from '../../src/state/images.ts'
import { busyboxTar } from '../support/busybox.ts'
import { describeTraces, findTraces, sweep } from '../support/leaks.ts'

export interface StepWish extends Partial<Omit<RunStep, 'work' | 'snapshot'>> {
  readonly work?: Partial<RunWork>
  readonly signal?: AbortSignal
  /** While the step runs. */
  readonly onOutput?: (text: string) => void
  /** "runc"; else the engine's first choice. */
  readonly runtime?: string
  /** The state below; else busybox. */
  readonly chainIds?: readonly string[]
}

export interface StepRun extends StepResult {
  readonly stdout: string
  readonly stderr: string
  /** "+ path" and "- path" (whiteout) of the layer, sorted; undefined for the one that says nothing. */
  readonly layer: readonly string[] | undefined
}

export interface BuildEngine {
  readonly engine: Engine
  readonly context: RunContext
  readonly config: EngineConfig
  readonly busybox: readonly string[]
  /** Runs `sh -e -c script`. */
  run(script: string, wish?: StepWish): Promise<StepRun>
  /** The same, of a failure to set it up. */
  failure(script: string, wish?: StepWish): Promise<Error & { code?: string }>
  /** The engine's files as a new process would find them; the old one goes on, as if it had been killed. */
  reopen(): Promise<Engine>
  /** A folder of the host that goes at the end. */
  folder(files?: Readonly<Record<string, string>>): string
  /** A stack with one more layer, which `fill` writes. */
  state(fill: (root: string) => void, below?: readonly string[]): Promise<string[]>
}

const WORK: RunWork = {
  kind: 'run',
  argv: [],
  commandText: 'test',
  env: [],
  hiddenEnv: [],
  workingDirectory: '/',
  user: '',
  mounts: [],
  network: 'none',
  security: 'sandbox',
  script: undefined,
  shmSizeBytes: undefined,
  ulimits: [],
  extraHosts: [],
  hostname: undefined,
}

export const hostOrigin = (folder: string, hidden: readonly string[] = []): MountOrigin => ({
  folder,
  kind: 'host',
  identity: folder,
  hidden,
})

async function commit(engine: Engine, below: readonly string[], staged: Parameters<typeof commitLayers>[2]) {
  let chainIds: string[] = []
  await commitLayers(engine.context, below, staged, (records) => {
    chainIds = records.map((record) => record.chainId)
    const id = `sha256:${chainIds.at(-1)?.slice(7) ?? ''}`
    saveImage(engine.context.state, { id, chainIds, sizeBytes: 0, taggedAt: '' })
  })
  return chainIds
}

function filesOf(folder: string): string[] {
  const lines = execFileSync('find', ['.', '-mindepth', '1', '-printf', '%y %P %t\n'], {
    cwd: folder,
    encoding: 'utf8',
  })
  return lines
    .split('\n')
    .filter(Boolean)
    .map((line) => `${line.startsWith('c') ? '-' : '+'} ${line.split(' ')[1] ?? ''}`)
    .toSorted()
}

/** One for a whole file of tests, closed and looked over when `t` ends. */
export async function openBuildEngine(t: Pick<TestContext, 'after'>): Promise<BuildEngine> {
  const keepAlive = setInterval(() => {}, 1000)
  process.chdir('/') // as the engine's process: so programs are started as they are there
  const root = fs.mkdtempSync(join(tmpdir(), 'mycompose-build-'))
  const config = engineConfig(join(root, 'root'), 'test')
  const errors: string[] = []
  const log: Parameters<typeof openEngine>[2] = (level, message, fields) => {
    if (level === 'error') errors.push(`${message} ${JSON.stringify(fields)}`)
  }
  const open = (): Promise<Engine> => openEngine(config, createNodeHost(), log)
  const engines = [await open()]
  const [engine] = engines
  if (engine === undefined) throw new Error('no engine')
  const context: RunContext = { ...engine.context, cacheMounts: createCacheMounts(engine.context) }
  const busybox = await commit(
    engine,
    [],
    [await stageLayer(engine.context, fs.createReadStream(await busyboxTar()), { lower: [] })],
  )

  t.after(async () => {
    clearInterval(keepAlive)
    for (const opened of engines) {
      for (const network of await opened.context.networks.list({}))
        if (!['bridge', 'host', 'none'].includes(network.Name)) await opened.context.networks.remove(network.Name)
      await opened.close()
    }
    const { tables: _tables, links: _links, ...traces } = await findTraces(config)
    await sweep(config)
    fs.rmSync(root, { recursive: true, force: true })
    assert.deepEqual(describeTraces(traces), [], 'something was left behind')
    assert.deepEqual(errors, [], 'errors in the log')
  })

  async function state(fill: (tree: string) => void, below: readonly string[] = busybox): Promise<string[]> {
    if (engine === undefined) throw new Error('no engine')
    const snapshot = await openSnapshot(engine.context, below)
    fill(snapshot.root)
    const staged = await snapshot.commit()
    return await commit(engine, below, [staged])
  }

  async function run(script: string, wish: StepWish = {}): Promise<StepRun> {
    const { work, signal = AbortSignal.timeout(60_000), onOutput, chainIds = busybox, runtime, ...more } = wish
    const defaults = { origins: new Map(), secrets: new Map(), ssh: new Map(), entitlements: [] }
    await using snapshot = await openSnapshot(context, chainIds)
    const texts = { stdout: '', stderr: '' }
    const platform = await context.platform()
    const byName = (name = ''): ReturnType<typeof platform.runtimes.byName> => platform.runtimes.byName(runtime ?? name)
    const chosen = { ...platform, runtimes: { ...platform.runtimes, byName } }
    const result = await runStep(
      { ...context, platform: async () => chosen },
      {
        ...defaults,
        ...more,
        snapshot,
        work: { ...WORK, argv: ['/bin/sh', '-e', '-c', script], ...work },
      },
      (stream, chunk) => {
        texts[stream] += chunk.toString()
        onOutput?.(chunk.toString())
      },
      signal,
    )
    const staged = await snapshot.commit()
    const isEmpty = staged.entries === 0 && staged.newestMtimeNs === NOTHING_NS
    const layer = isEmpty ? undefined : filesOf(join(staged.folder, 'diff'))
    await discardLayer(context, staged)
    return { ...result, ...texts, layer }
  }

  return {
    engine,
    context,
    config,
    busybox,
    run,
    state,
    async failure(script, wish) {
      try {
        await run(script, wish)
      } catch (error) {
        return error as Error
      }
      throw new Error('the step did not fail')
    },
    async reopen() {
      const next = await open()
      engines.unshift(next)
      return next
    },
    folder(files = {}) {
      const folder = fs.mkdtempSync(join(root, 'host-'))
      for (const [path, text] of Object.entries(files)) {
        fs.mkdirSync(join(folder, path, '..'), { recursive: true })
        fs.writeFileSync(join(folder, path), text)
      }
      return folder
    },
  }
}
