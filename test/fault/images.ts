/**
 * The engine is killed with SIGKILL at a random moment of a pull, an import, a removal or a prune; then the store is read
 * from the outside (files, digests, trees as `find` sees them), and the next pull must ask the registry only for what was
 * not there. Driven by curl on the socket, as an image is pulled by docker.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { describeResult, runCommand, type CommandResult } from '../support/command.ts'
import type { EngineUnderTest } from '../support/engine.ts'
import { blobBytes, type FaultProxy } from '../support/fault-proxy.ts'
import { findTraces, idleLeaks } from '../support/leaks.ts'
import type { Random } from './random.ts'
import { kill } from './victims.ts'

type Operation = 'pull' | 'import' | 'remove' | 'prune'

/** Half of them pulls: there is most to lose. */
const OPERATIONS: readonly Operation[] = ['pull', 'pull', 'pull', 'import', 'remove', 'prune']
/** Small documents, and what the kernel had taken of an answer that nobody read any more. */
const SLACK_BYTES = 600_000

/** Blobs take a while, so that most kills come in the middle of them. */
const slowly: FaultProxy['rule'] = ({ path }) =>
  path.includes('/blobs/') ? { kind: 'slow', chunkBytes: 16_384, pauseMs: 1 } : undefined

export interface ImageCampaignOptions {
  readonly engine: EngineUnderTest
  readonly proxy: FaultProxy
  readonly random: Random
  /** A tar for imports. */
  readonly tar: string
}

export interface ImageCampaign {
  /** One kill and its checks; what it did, for the record. */
  round(): Promise<string>
}

/** The image is NAME of the registry behind `proxy`. */
export async function createImageCampaign(options: ImageCampaignOptions): Promise<ImageCampaign> {
  const { engine, proxy, random, tar } = options
  const { paths } = engine.config
  const repository = `${proxy.host}/web`
  /** By layer: its tree as it was when nobody was killed. */
  const trees = new Map<string, string>()
  const usualMs = new Map<Operation, number>()

  const curl = (...args: readonly string[]): Promise<CommandResult> =>
    runCommand(['curl', '-s', '-S', '--unix-socket', paths.socket, ...args])
  const url = (path: string): string => `http://engine/v1.51${path}`
  const pull = (): Promise<CommandResult> =>
    curl('-X', 'POST', url(`/images/create?fromImage=${encodeURIComponent(repository)}&tag=1`))
  const remove = (name: string): Promise<CommandResult> =>
    curl('-X', 'DELETE', url(`/images/${encodeURIComponent(name)}?force=true`))

  function run(operation: Operation): Promise<CommandResult> {
    switch (operation) {
      case 'pull':
        return pull()
      case 'import':
        return curl('-X', 'POST', '-T', tar, url('/images/create?fromSrc=-&repo=imported&tag=1'))
      case 'remove':
        return remove(`${repository}:1`)
      case 'prune':
        return curl('-X', 'POST', url(`/images/prune?filters=${encodeURIComponent('{"dangling":["false"]}')}`))
      default:
        return operation satisfies never
    }
  }

  const list = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : [])
  const sizes = (folder: string): number =>
    list(folder).reduce((total, name) => total + statSync(join(folder, name)).size, 0)

  function treeOf(layer: string): string {
    const shown = ['find', '.', '-mindepth', '1', '-printf', '%P|%y|%m|%U|%T@\\n']
    const command = `cd "$0" && { ${shown.map((word) => `'${word}'`).join(' ')} | sort; find . -type f -exec sha256sum {} + | sort; } | sha256sum`
    return execFileSync('sh', ['-c', command, join(paths.layers, layer, 'diff')], { encoding: 'utf8' })
  }

  /** The store as it is on the disk, the engine running and idle. */
  async function check(): Promise<void> {
    for (const layer of list(paths.layers)) {
      const tree = treeOf(layer)
      if (!trees.has(layer)) trees.set(layer, tree)
      assert.equal(tree, trees.get(layer), `the tree of layer ${layer}`)
    }
    const blobs = join(paths.blobs, 'sha256')
    if (list(blobs).length > 0) {
      const sums = execFileSync('sha256sum', list(blobs), { cwd: blobs, encoding: 'utf8' })
      for (const line of sums.trim().split('\n')) assert.equal(...(line.split(/\s+/) as [string, string]), 'a blob')
    }
    const images = JSON.parse((await curl(url('/images/json?all=true'))).stdout) as readonly { Id: string }[]
    const needed = new Set<string>()
    for (const { Id } of images) {
      const { stdout } = await curl(url(`/images/${Id}/json`))
      const { RootFS } = JSON.parse(stdout) as { RootFS: { Layers: readonly string[] } }
      for (const layer of RootFS.Layers) needed.add(layer)
    }
    assert.equal(list(paths.layers).length, needed.size, 'layers are those of the images')
    const leaks = idleLeaks(engine.config, await findTraces(engine.config), engine.pid())
    assert.deepEqual(leaks, [], 'left behind')
  }

  async function startEngine(): Promise<number> {
    await engine.ok(['image', 'ls'])
    const pid = engine.pid()
    assert.ok(pid !== undefined)
    return pid
  }

  async function pullWell(): Promise<void> {
    const result = await pull()
    assert.match(result.stdout, /"status":"Status: /, describeResult(result))
  }

  /** Without a kill: how long each takes, and what the trees are like. */
  async function learn(): Promise<void> {
    await startEngine()
    proxy.rule = slowly
    for (const operation of ['import', 'pull', 'remove', 'pull', 'prune'] as const) {
      const start = performance.now()
      await run(operation)
      usualMs.set(operation, performance.now() - start)
      await check()
    }
  }

  await learn()
  return {
    async round() {
      const operation = random.pick(OPERATIONS)
      const pid = await startEngine()
      if (operation === 'pull') await remove(`${repository}:1`)
      else {
        await pullWell()
        if (operation === 'import') await remove('imported:1')
        else await run('import')
      }
      proxy.rule = slowly
      const delayMs = Math.round(random.next() * (usualMs.get(operation) ?? 100))
      const running = run(operation)
      await pause(delayMs)
      kill(pid)
      await running
      proxy.rule = () => undefined
      await startEngine()
      await check()
      const had = sizes(join(paths.blobs, 'partial')) + sizes(join(paths.blobs, 'sha256'))
      const before = blobBytes(proxy)
      await pullWell()
      const asked = blobBytes(proxy) - before
      const whole = sizes(join(paths.blobs, 'sha256'))
      if (operation === 'pull')
        assert.ok(asked <= whole - had + SLACK_BYTES, `${asked} bytes asked for; ${had} of ${whole} were there`)
      assert.deepEqual(list(join(paths.blobs, 'partial')), [], 'partials') // the rest is checked after the next kill
      return `${operation} killed after ${delayMs} ms: ${had} bytes were there, ${asked} asked for`
    },
  }
}
