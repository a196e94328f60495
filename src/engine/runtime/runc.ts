/** runc: slower, everywhere. It takes hybrid cgroup layouts as they are. Source: man 8 runc. */
import { join } from 'node:path'
import { MycomposeError } from '../../errors.ts'
import type { Host } from '../../host/host.ts'
import type { EngineConfig } from '../config.ts'
import { removeEmptyFolder, runTool } from './run-tool.ts'
import { cleanToolText } from './runtime-error.ts'
import type { OciRuntime } from './runtime.ts'
import { hasVersion, versionReader } from './version.ts'

const KNOWS_RRO = [1, 1] as const

export function createRunc(host: Host, config: EngineConfig, path: string): OciRuntime {
  const stateFolder = join(config.paths.runtime, 'runc')
  const globalArgs = ['--root', stateFolder]
  const spawn: OciRuntime['spawn'] = (argv, options) => host.exec.spawn(argv, options)
  const versionText = versionReader(spawn, path)
  async function start(containerId: string): Promise<void> {
    const { exitCode, stderr } = await runTool(spawn, [path, ...globalArgs, 'start', containerId])
    if (exitCode !== 0)
      throw new MycomposeError(`cannot start container ${containerId}: ${cleanToolText(stderr)}`, {
        code: 'RUNTIME_FAILED',
      })
  }
  return {
    name: 'runc',
    path,
    globalArgs,
    acceptsBpf: false,
    knowsRecursiveReadOnly: async () => hasVersion(await versionText(), KNOWS_RRO),
    prepare() {},
    spawn,
    expose: (file) => ({ path: file, [Symbol.dispose]() {} }),
    isWaiting: (containerId) => host.files.existsSync(join(stateFolder, containerId, 'exec.fifo')),
    start,
    // runc itself tells one that runs from one that waits
    resume: start,
    forget: (containerId) => host.files.rm(join(stateFolder, containerId), { recursive: true, force: true }),
    close: () => removeEmptyFolder(host, stateFolder),
  }
}
