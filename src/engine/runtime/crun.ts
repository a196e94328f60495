/**
 * crun: three times faster than runc. Two of its verbs are done here without a process, since they are only a file
 * operation each: `start` (a byte into exec.fifo, which the container's first process waits for) and `delete` of a
 * container that has ended (its state folder). When the files are not as expected, crun itself is asked.
 * Source: man 8 crun; crun src/libcrun/status.c (exec.fifo) and container.c.
 */
import { join } from 'node:path'
import { MycomposeError, errnoOf } from '../../errors.ts'
import type { Host } from '../../host/host.ts'
import { openFlags } from '../../host/rooted.ts'
import type { EngineConfig } from '../config.ts'
import type { CgroupLayout } from '../cgroups/layout.ts'
import { createHybridView } from './hybrid-view.ts'
import { cleanToolText } from './runtime-error.ts'
import type { OciRuntime } from './runtime.ts'
import { hasVersion, versionReader } from './version.ts'
import { removeEmptyFolder, runTool } from './run-tool.ts'

const KNOWS_RRO = [1, 4] as const
/** From the end of `create` until its first process opens exec.fifo. */
const START_PATIENCE_MS = 1000
const RESUME_PATIENCE_MS = 100

export function createCrun(host: Host, config: EngineConfig, layout: CgroupLayout, path: string): OciRuntime {
  const stateFolder = join(config.paths.runtime, 'crun')
  const globalArgs = ['--root', stateFolder]
  const v2Tree = layout.trees.get('')
  const view = layout.leftOnV2.length > 0 && v2Tree !== undefined ? createHybridView(host, config, v2Tree) : undefined
  const spawn: OciRuntime['spawn'] = (argv, options) =>
    view === undefined ? host.exec.spawn(argv, options) : view.spawn(argv, options)

  const fifoOf = (containerId: string): string => join(stateFolder, containerId, 'exec.fifo')

  const versionText = versionReader(spawn, path)

  async function startByVerb(containerId: string): Promise<void> {
    const { exitCode, stderr } = await runTool(spawn, [path, ...globalArgs, 'start', containerId])
    if (exitCode !== 0)
      throw new MycomposeError(`cannot start container ${containerId}: ${cleanToolText(stderr)}`, {
        code: 'RUNTIME_FAILED',
      })
  }

  /** The byte into exec.fifo. False when nobody came to read it, or there is no such file. */
  async function letRun(containerId: string, patienceMs: number): Promise<boolean> {
    const fifo = fifoOf(containerId)
    for (const end = host.clock.nowMs() + patienceMs; ;) {
      try {
        await using file = await host.files.open(fifo, openFlags.O_WRONLY | openFlags.O_NONBLOCK)
        await file.write('1')
        break
      } catch (error) {
        const code = errnoOf(error)
        if (code !== 'ENXIO' && code !== 'ENOENT' && code !== 'EPIPE') throw error
        if (code !== 'ENXIO' || host.clock.nowMs() >= end) return false
        await host.clock.sleep(2)
      }
    }
    await host.files.rm(fifo, { force: true })
    return true
  }

  return {
    name: 'crun',
    path,
    globalArgs,
    acceptsBpf: true,
    knowsRecursiveReadOnly: async () => hasVersion(await versionText(), KNOWS_RRO),
    prepare: () => view?.prepare(),
    spawn,
    expose: (file) => view?.expose(file) ?? { path: file, [Symbol.dispose]() {} },
    isWaiting: (containerId) => host.files.existsSync(fifoOf(containerId)),
    async start(containerId) {
      if (!(await letRun(containerId, START_PATIENCE_MS))) return startByVerb(containerId)
    },
    async resume(containerId) {
      // nobody reads: the byte was taken, and only the file that tells is left. `crun start` would wait for ever
      if (!(await letRun(containerId, RESUME_PATIENCE_MS))) await host.files.rm(fifoOf(containerId), { force: true })
    },
    forget: (containerId) => host.files.rm(join(stateFolder, containerId), { recursive: true, force: true }),
    async close() {
      await removeEmptyFolder(host, stateFolder)
      await view?.close()
    },
  }
}
