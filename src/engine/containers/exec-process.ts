/**
 * A further process in a running container: `RUNTIME exec --process FILE`. User, groups and command line are worked out
 * here and handed over as numbers and an array (CVE-2026-30892). Health probes and the exec API both use it.
 */
import { join } from 'node:path'
import type { Spawned } from '../../host/host.ts'
import { execArgv } from '../runtime/runtime.ts'
import { cleanToolText, exitCodeOfStartError } from '../runtime/runtime-error.ts'
import type { ContainersContext } from './context.ts'
import { containerFolder } from './folders.ts'
import { capabilitiesOf, containerUser, securityOf } from './prepare-spec.ts'
import { SIGKILL } from './signals.ts'
import { toOciCapabilities } from './spec/capabilities.ts'
import { mergeEnv, toEnv } from './spec/environment.ts'
import type { OciProcess } from './spec/oci.ts'
import { toRlimits } from './spec/rlimits.ts'
import { formatOci } from './spec/spec.ts'
import { hostnameOf } from './network-mode.ts'
import { notRunning, type Container } from './store.ts'

export interface ExecWish {
  readonly execId: string
  readonly args: readonly string[]
  readonly env: readonly string[]
  /** "": the container's. */
  readonly user: string
  readonly workingDir: string
  /** All capabilities. The container's filter of system calls and AppArmor profile stay, as with docker (moby #21984). */
  readonly privileged: boolean
  readonly tty: boolean
  readonly size?: { readonly height: number; readonly width: number } | undefined
}

export interface ExecResult {
  readonly exitCode: number
  /** The runtime's words when the program could not be started. */
  readonly error: string | undefined
}

export interface ExecProcess {
  readonly child: Spawned
  /** The process's pid on the host, once the runtime has told it. */
  pid(): number | undefined
  /** Kills the process itself, not only the runtime that waits for it. */
  kill(): void
  /** Resolves when it is gone and its files are removed. */
  readonly finished: Promise<ExecResult>
}

async function ociProcess(context: ContainersContext, container: Container, wish: ExecWish): Promise<OciProcess> {
  const { document } = container
  const { config, hostConfig } = document
  const { machine } = await context.platform()
  const pid = document.state.process?.pid
  if (pid === undefined) throw notRunning(container)
  const spec = wish.user === '' ? (config.User ?? '') : wish.user
  const { home, ...user } = containerUser(context, `/proc/${pid}/root`, spec, hostConfig.GroupAdd ?? [])
  const mayRaise = machine.capabilities.includes('CAP_SYS_RESOURCE')
  const capabilities = wish.privileged ? machine.capabilities.toSorted() : await capabilitiesOf(context, document)
  const workingDir = wish.workingDir === '' ? (config.WorkingDir ?? '') : wish.workingDir
  const env = mergeEnv(config.Env ?? [], wish.env)
  const ulimits = hostConfig.Ulimits ?? []
  const security = securityOf(document, machine, () => {})
  return {
    terminal: wish.tty,
    ...(wish.size === undefined ? {} : { consoleSize: wish.size }),
    user,
    args: wish.args,
    env: toEnv({ env, hostname: hostnameOf(document), tty: wish.tty, home }),
    cwd: workingDir === '' ? '/' : workingDir,
    capabilities: toOciCapabilities(capabilities),
    rlimits: toRlimits({ ulimits, hardLimits: machine.hardLimits, mayRaise }, () => {}),
    noNewPrivileges: security.noNewPrivileges,
    ...(security.apparmorProfile === undefined ? {} : { apparmorProfile: security.apparmorProfile }),
  }
}

/** `stdio` of the child: what the caller wants to hold. Throws InvalidRequestError (user), ConflictError (not running). */
export async function startExecProcess(
  context: ContainersContext,
  container: Container,
  wish: ExecWish,
  options: {
    readonly stdio: readonly ('pipe' | 'ignore')[]
    readonly consoleSocket?: string
  },
): Promise<ExecProcess> {
  const { host } = context
  const { runtimes } = await context.platform()
  const runtime = runtimes.byName(container.document.runtime)
  const { bundle } = containerFolder(context.config, container.id)
  const base = join(bundle, `exec-${wish.execId}`)
  const [processFile, pidFile, logFile] = [`${base}.json`, `${base}.pid`, `${base}.log`]
  await host.files.writeFile(processFile, formatOci(await ociProcess(context, container, wish)), { mode: 0o600 })
  const argv = execArgv(runtime, {
    containerId: container.id,
    processFile,
    pidFile,
    logFile,
    ...(options.consoleSocket === undefined ? {} : { consoleSocket: options.consoleSocket }),
  })
  const child = runtime.spawn(argv, { stdio: options.stdio, cwd: '/' })
  const pid = (): number | undefined => {
    const text = host.files.readTextSync(pidFile)
    return text === undefined || text === '' ? undefined : Number(text)
  }
  async function finish(): Promise<ExecResult> {
    try {
      const { exitCode } = await child.exited
      if (exitCode === 0) return { exitCode, error: undefined }
      const text = cleanToolText((await host.files.readTextIfExists(logFile)) ?? '')
      if (text === '') return { exitCode: exitCode ?? 137, error: undefined }
      const failure = /"msg":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? text
      return { exitCode: exitCodeOfStartError(failure), error: failure }
    } finally {
      await Promise.all([processFile, pidFile, logFile].map((file) => host.files.rm(file, { force: true })))
    }
  }
  return {
    child,
    pid,
    kill() {
      const target = pid()
      if (target === undefined) child.kill('SIGKILL')
      else host.processes.signal(target, SIGKILL)
    },
    finished: finish(),
  }
}
