/**
 * conmon holds a container's stdio, log and exit code in a small process of its own (1 MiB), so that the engine may die.
 * It forks, runs `RUNTIME create`, tells the pid or the runtime's error on a pipe, and later writes the exit code to
 * EXIT_DIR/<id>. Source: man 8 conmon; conmon src/conmon.c and utils.c (_OCI_SYNCPIPE, one JSON line).
 */
import type { Readable } from 'node:stream'
import type { Spawned } from '../../host/host.ts'
import { MycomposeError } from '../../errors.ts'
import type { OciRuntime } from './runtime.ts'

export interface ConmonRequest {
  readonly containerId: string
  readonly bundle: string
  /** Undefined: the output is dropped. No limit: at one conmon would start the file anew, and lose the old one. */
  readonly logPath: string | undefined
  readonly exitFolder: string
  readonly containerPidFile: string
  readonly conmonPidFile: string
  readonly terminal: boolean
  /** "once": closed when the first who attached has gone. */
  readonly stdin: 'none' | 'once' | 'open'
}

const SYNC_FD = 3
const ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', _OCI_SYNCPIPE: String(SYNC_FD) }

/** PURE */
export function conmonArgv(conmonPath: string, runtime: OciRuntime, request: ConmonRequest): string[] {
  const { containerId, bundle, logPath } = request
  const logTarget = logPath === undefined ? 'null:' : `k8s-file:${logPath}`
  const options: readonly (readonly [string, string])[] = [
    ['--api-version', '1'],
    ['--cid', containerId],
    ['--cuuid', containerId],
    ['--name', containerId],
    ['--runtime', runtime.path],
    ...runtime.globalArgs.map((argument) => ['--runtime-arg', argument] as const),
    ['--bundle', bundle],
    ['--exit-dir', request.exitFolder],
    ['--container-pidfile', request.containerPidFile],
    ['--conmon-pidfile', request.conmonPidFile],
    ['--log-path', logTarget],
    ['--log-level', 'error'],
  ]
  return [
    conmonPath,
    ...options.flat(),
    '--full-attach',
    '--no-sync-log',
    ...(request.terminal ? ['--terminal'] : []),
    ...(request.stdin === 'none' ? [] : ['--stdin']),
    ...(request.stdin === 'open' ? ['--leave-stdin-open'] : []),
  ]
}

/** The first line of the pipe, or what there is at its end. */
function firstLine(pipe: Readable): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    pipe.setEncoding('utf8')
    pipe.on('data', (chunk: string) => {
      text += chunk
      if (text.includes('\n')) resolve(text)
    })
    pipe.once('close', () => resolve(text))
    pipe.once('error', () => resolve(text))
  })
}

/** Answers the container's pid. Throws MycomposeError RUNTIME_FAILED; its message is the runtime's own words. */
export async function createWithConmon(
  conmonPath: string,
  runtime: OciRuntime,
  request: ConmonRequest,
): Promise<number> {
  const child: Spawned = runtime.spawn(conmonArgv(conmonPath, runtime, request), {
    env: ENV,
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  const pipe = child.extra[0]
  if (pipe === undefined) throw new Error('no pipe from conmon')
  const line = await firstLine(pipe)
  pipe.destroy() // conmon keeps its end open as long as the container runs
  const answer: unknown = line === '' ? undefined : JSON.parse(line.split('\n')[0] ?? '')
  const { data, message } = (answer ?? {}) as { data?: unknown; message?: unknown }
  // the process that we started ends when it has written conmon's pid to its file, which may be after the pipe has told
  const { exitCode } = await child.exited
  if (typeof data === 'number' && data > 0) return data
  throw new MycomposeError(typeof message === 'string' ? message : `conmon ended with exit code ${exitCode}`, {
    code: 'RUNTIME_FAILED',
  })
}
