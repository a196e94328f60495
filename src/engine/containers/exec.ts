/**
 * The exec API: create, start, inspect, resize. Without a terminal plain pipes carry the streams; with one the runtime
 * sends us the pseudo-terminal's master. Source: Engine API ExecCreate, ExecStart, ExecInspect; moby daemon/exec.go.
 */
import { join } from 'node:path'
import { PassThrough, type Readable, type Writable } from 'node:stream'
import { ReadStream } from 'node:tty'
import { ConflictError, InvalidRequestError, NotFoundError } from '../../errors.ts'
import type { ExecCreateRequest, ExecInspect, ExecStartRequest } from '../../api/types/index.ts'
import type { StdioSession } from '../services/index.ts'
import { publish, type ContainersContext } from './context.ts'
import { startExecProcess, type ExecProcess, type ExecResult, type ExecWish } from './exec-process.ts'
import { notRunning, type Container } from './store.ts'
import { parseUserSpec } from './user.ts'

const TERMINAL_TIMEOUT_MS = 10_000
/** Finished ones are kept for inspect as long as their container, but no more than this many. */
const MAX_KEPT = 1000

interface ExecRecord {
  readonly id: string
  readonly container: Container
  readonly request: ExecCreateRequest
  status: 'created' | 'running' | 'finished'
  exitCode: number | null
  process: ExecProcess | undefined
  master: number | undefined
}

export interface Execs {
  create(container: Container, request: ExecCreateRequest): { readonly Id: string }
  start(execId: string, request: ExecStartRequest): Promise<StdioSession | undefined>
  inspect(execId: string): ExecInspect
  resize(execId: string, rows: number, columns: number): Promise<void>
}

type OutputListener = (stream: 'stdout' | 'stderr', chunk: Buffer) => void

function ensureRunning(container: Container): void {
  if (container.run === undefined) throw notRunning(container)
  if (container.document.state.status === 'paused')
    throw new ConflictError(`container ${container.document.name} is paused, unpause the container before exec`)
}

function ended(stream: Readable): Promise<void> {
  return new Promise((resolve) => {
    stream.once('end', resolve)
    stream.once('close', resolve)
    // EIO is how a terminal says that the last process has gone
    stream.once('error', () => resolve())
  })
}

export function createExecs(context: ContainersContext): Execs {
  const execs = new Map<string, ExecRecord>()

  function find(execId: string): ExecRecord {
    const record = execs.get(execId)
    if (record === undefined) throw new NotFoundError(`No such exec instance: ${execId}`, { code: 'NO_SUCH_EXEC' })
    return record
  }

  function forgetOld(): void {
    for (const [id, record] of execs) {
      if (execs.size <= MAX_KEPT) return
      if (record.status !== 'finished') continue
      execs.delete(id)
      record.container.execIds.delete(id)
    }
  }

  function wishOf({ id, request }: ExecRecord, start: ExecStartRequest): ExecWish {
    const size = start.ConsoleSize ?? request.ConsoleSize
    return {
      execId: id,
      args: request.Cmd,
      env: request.Env ?? [],
      user: request.User ?? '',
      workingDir: request.WorkingDir ?? '',
      privileged: request.Privileged ?? false,
      tty: request.Tty ?? false,
      size: size === undefined ? undefined : { height: size[0], width: size[1] },
    }
  }

  function finish(record: ExecRecord, { exitCode, error }: ExecResult): void {
    record.status = 'finished'
    record.exitCode = exitCode
    record.process = undefined
    record.master = undefined
    publish(context, record.container, 'exec_die', { execID: record.id, exitCode: String(exitCode) })
    if (error !== undefined) context.log('info', 'exec failed', { container: record.container.id, error })
  }

  /** What the client reads when the program could not be started. */
  function failureText({ request }: ExecRecord, { exitCode, error }: ExecResult): string {
    const [program = ''] = request.Cmd
    const why = exitCode === 127 ? `exec: "${program}": executable file not found in $PATH` : error
    return `OCI runtime exec failed: exec failed: unable to start container process: ${why}\r\n`
  }

  async function startPlain(record: ExecRecord, wish: ExecWish): Promise<StdioSession> {
    const { request } = record
    const process = await startExecProcess(context, record.container, wish, {
      stdio: [request.AttachStdin === true ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    })
    record.process = process
    const { stdout, stderr, stdin } = process.child
    stdin?.on('error', () => {}) // EPIPE: the process has closed its input
    const listeners: OutputListener[] = []
    let hasToldWhy = false
    stderr?.once('data', () => {
      hasToldWhy = true
    })
    stderr?.pause() // until somebody listens
    const finished = process.finished.then((result) => {
      finish(record, result)
      if (result.error !== undefined && !hasToldWhy)
        for (const listener of listeners) listener('stderr', Buffer.from(failureText(record, result)))
    })
    const hangUp = (): void => {
      stdin?.end()
      stdout?.resume()
      stderr?.resume()
    }
    return {
      tty: false,
      input: stdin,
      onOutput(listener) {
        listeners.push(listener)
        stdout?.on('data', (chunk: Buffer) => listener('stdout', chunk))
        stderr?.on('data', (chunk: Buffer) => listener('stderr', chunk))
        stderr?.resume() // a stream that was paused is not set going by a listener
      },
      ended: finished,
      setFlowing(flowing) {
        for (const stream of [stdout, stderr])
          if (flowing) stream?.resume()
          else stream?.pause()
      },
      hangUp,
      detach() {
        publish(context, record.container, 'exec_detach', { execID: record.id })
        hangUp()
      },
    }
  }

  async function startTerminal(record: ExecRecord, wish: ExecWish): Promise<StdioSession> {
    const consoleSocket = join(context.config.paths.run, `tty-${record.id.slice(0, 12)}`)
    const gaveUp = new AbortController()
    const receiving = context.host.pty.receiveMaster(consoleSocket, {
      timeoutMs: TERMINAL_TIMEOUT_MS,
      signal: gaveUp.signal,
    })
    receiving.catch(() => {}) // looked at below
    const process = await startExecProcess(context, record.container, wish, {
      stdio: ['ignore', 'ignore', 'ignore'],
      consoleSocket,
    })
    record.process = process
    const early = process.finished.then((result) => {
      gaveUp.abort()
      return result
    })
    const output = new PassThrough()
    let master: number
    try {
      master = await receiving
    } catch {
      const result = await early
      finish(record, result)
      output.end(failureText(record, result))
      return terminalSession(record, null, output, ended(output))
    }
    record.master = master
    if (wish.size !== undefined && wish.size.height > 0)
      context.host.pty.resize(master, wish.size.height, wish.size.width)
    const input = context.host.terminalInput.open(master)
    input.on('error', () => {}) // EIO: the last process has gone
    const terminal = new ReadStream(master)
    const terminalEnded = ended(terminal)
    terminal.pipe(output, { end: false })
    const all = Promise.all([early, terminalEnded]).then(([result]) => {
      input.destroy()
      terminal.destroy()
      finish(record, result)
      output.end()
    })
    return terminalSession(
      record,
      input,
      output,
      Promise.all([all, ended(output)]).then(() => {}),
    )
  }

  function terminalSession(
    record: ExecRecord,
    input: Writable | null,
    output: Readable,
    done: Promise<void>,
  ): StdioSession {
    const hangUp = (): void => {
      input?.destroy() // what the process has not taken by now
      output.resume()
    }
    return {
      tty: true,
      input,
      onOutput: (listener) => void output.on('data', (chunk: Buffer) => listener('stdout', chunk)),
      ended: done,
      setFlowing: (flowing) => void (flowing ? output.resume() : output.pause()),
      hangUp,
      detach() {
        publish(context, record.container, 'exec_detach', { execID: record.id })
        hangUp()
      },
    }
  }

  return {
    create(container, request) {
      ensureRunning(container)
      if (!Array.isArray(request.Cmd) || request.Cmd.length === 0)
        throw new InvalidRequestError('No exec command specified')
      if (request.User !== undefined && request.User !== '') parseUserSpec(request.User)
      if (request.WorkingDir !== undefined && request.WorkingDir !== '' && !request.WorkingDir.startsWith('/'))
        throw new InvalidRequestError(
          `the working directory '${request.WorkingDir}' is invalid, it needs to be absolute`,
        )
      const id = context.host.randomHex(32)
      execs.set(id, {
        id,
        container,
        request,
        status: 'created',
        exitCode: null,
        process: undefined,
        master: undefined,
      })
      container.execIds.add(id)
      forgetOld()
      publish(context, container, `exec_create: ${request.Cmd.join(' ')}`, { execID: id })
      return { Id: id }
    },
    async start(execId, request) {
      const record = find(execId)
      if (record.status !== 'created') throw new ConflictError(`Error: Exec command ${execId} is already running`)
      ensureRunning(record.container)
      record.status = 'running'
      publish(context, record.container, `exec_start: ${record.request.Cmd.join(' ')}`, { execID: execId })
      try {
        const wish = wishOf(record, request)
        if (request.Detach !== true) return await (wish.tty ? startTerminal : startPlain)(record, wish)
        const process = await startExecProcess(
          context,
          record.container,
          { ...wish, tty: false },
          {
            stdio: ['ignore', 'ignore', 'ignore'],
          },
        )
        record.process = process
        void process.finished.then((result) => finish(record, result))
        return undefined
      } catch (error) {
        record.status = 'finished'
        record.exitCode = 126
        throw error
      }
    },
    inspect(execId) {
      const { container, request, status, exitCode, process } = find(execId)
      const [entrypoint = '', ...args] = request.Cmd
      return {
        ID: execId,
        Running: status === 'running',
        ExitCode: exitCode,
        Pid: process?.pid() ?? 0,
        ContainerID: container.id,
        OpenStdin: request.AttachStdin ?? false,
        OpenStdout: request.AttachStdout ?? false,
        OpenStderr: request.AttachStderr ?? false,
        CanRemove: status === 'finished',
        DetachKeys: request.DetachKeys ?? '',
        ProcessConfig: {
          tty: request.Tty ?? false,
          entrypoint,
          arguments: args,
          privileged: request.Privileged ?? false,
          ...(request.User === undefined || request.User === '' ? {} : { user: request.User }),
        },
      }
    },
    async resize(execId, rows, columns) {
      const record = find(execId)
      if (record.request.Tty !== true) throw new InvalidRequestError(`exec ${execId} has no terminal`)
      if (record.master !== undefined) context.host.pty.resize(record.master, rows, columns)
    },
  }
}
