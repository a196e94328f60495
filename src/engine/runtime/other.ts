/**
 * Any other runtime with runc's command line (youki, runsc, kata-runtime, a vendor's wrapper): named by its program, or
 * by the path of one that only root can change. Everything is asked of its verbs, and `features` or `--version` tell
 * what it can do. Source: OCI runtime-spec runtime.md and features.md, man 8 runc.
 */
import { join } from 'node:path'
import { InvalidRequestError, MycomposeError, errnoOf } from '../../errors.ts'
import type { Host } from '../../host/host.ts'
import type { EngineConfig } from '../config.ts'
import { findProgram } from './programs.ts'
import { removeEmptyFolder, runTool } from './run-tool.ts'
import { cleanToolText } from './runtime-error.ts'
import type { OciRuntime } from './runtime.ts'

/** Programs that are runtimes; another one is given by its path, so that no `runtime: reboot` is ever run. */
const KNOWN = new Set([
  'youki',
  'runsc',
  'kata-runtime',
  'krun',
  'crun-wasm',
  'crun-vm',
  'nvidia-container-runtime',
  'railcar',
])

interface Features {
  readonly mountOptions?: readonly string[]
  readonly linux?: { readonly seccomp?: { readonly enabled?: boolean } }
}

/** The program of a runtime's name. Throws InvalidRequestError; undefined: none of that name. sync */
export function otherRuntimePath(host: Host, name: string): string | undefined {
  if (name.startsWith('/')) return host.files.existsSync(name) ? name : undefined
  return KNOWN.has(name) ? findProgram(host, name) : undefined
}

/** Throws InvalidRequestError when others than root can change it, or it is no program. */
export async function checkRuntimeProgram(host: Host, path: string): Promise<void> {
  try {
    const { uid, mode } = await host.files.stat(await host.files.realpath(path))
    if (uid !== 0 || (mode & 0o022) !== 0)
      throw new InvalidRequestError(`runtime ${path} can be changed by others than root`, {
        hint: `chown root: ${path}; chmod go-w ${path}`,
      })
    if ((mode & 0o111) === 0) throw new InvalidRequestError(`runtime ${path} is not executable`)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    throw new InvalidRequestError(`runtime ${path} does not exist`, { cause: error })
  }
}

/** `name` is kept with the container: it finds the same program again. */
export function createOtherRuntime(host: Host, config: EngineConfig, name: string, path: string): OciRuntime {
  const stateFolder = join(config.paths.runtime, name.replaceAll('/', '_'))
  const globalArgs = ['--root', stateFolder]
  const spawn: OciRuntime['spawn'] = (argv, options) => host.exec.spawn(argv, options)
  let features: Promise<Features> | undefined

  async function verb(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await runTool(spawn, [path, ...globalArgs, ...args])
    if (exitCode === 0) return stdout
    throw new MycomposeError(`${name} ${args.join(' ')} failed: ${cleanToolText(stderr)}`, { code: 'RUNTIME_FAILED' })
  }

  /** Nothing known of one without the verb. */
  async function readFeatures(): Promise<Features> {
    try {
      return JSON.parse(await verb('features')) as Features
    } catch {
      return {}
    }
  }

  const start = async (containerId: string): Promise<void> => void (await verb('start', containerId))
  return {
    name,
    path,
    globalArgs,
    acceptsBpf: false,
    async knowsRecursiveReadOnly() {
      features ??= readFeatures()
      return (await features).mountOptions?.includes('rro') ?? false
    },
    prepare() {},
    spawn,
    expose: (file) => ({ path: file, [Symbol.dispose]() {} }),
    isWaiting: (containerId) => host.files.existsSync(join(stateFolder, containerId)),
    start,
    async resume(containerId) {
      const { status } = JSON.parse(await verb('state', containerId)) as { status?: string }
      if (status === 'created') await start(containerId)
    },
    async forget(containerId) {
      if (!host.files.existsSync(join(stateFolder, containerId))) return
      await verb('delete', '--force', containerId).catch(() => {}) // its processes are gone: only files are left
      await host.files.rm(join(stateFolder, containerId), { recursive: true, force: true })
    },
    close: () => removeEmptyFolder(host, stateFolder),
  }
}
