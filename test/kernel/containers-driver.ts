/** Short words for what kernel tests do with containers: run one, read its log, execute something in it. */
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { ContainerCreateRequest, ExecCreateRequest } from '../../src/api/types/index.ts'
import type { LogOptions } from '../../src/engine/services/index.ts'
import type { TestEngine } from './containers-support.ts'

export const NO_ABORT: AbortSignal = new AbortController().signal
/** Ends at once on SIGTERM, and says when it is ready to. */
const OBEDIENT = ['sh', '-c', 'trap "exit 0" TERM; echo ready; while :; do sleep 0.05; done']
const LOGS: LogOptions = {
  stdout: true,
  stderr: true,
  follow: false,
  timestamps: false,
  tail: undefined,
  sinceMs: undefined,
  untilMs: undefined,
}

export const shell = (script: string): string[] => ['sh', '-c', script]

export interface Driver {
  /** Created and started; its id. */
  readonly run: (request: ContainerCreateRequest, name?: string) => Promise<string>
  readonly logsOf: (id: string, options?: Partial<LogOptions>) => Promise<string>
  readonly until: (condition: () => boolean | Promise<boolean>, seconds?: number) => Promise<void>
  /** Runs, and ends at once when told to. */
  readonly obedient: (request?: ContainerCreateRequest, name?: string) => Promise<string>
  /** Its exit code. */
  readonly waitFor: (id: string) => Promise<number>
  /** Output of a command run to its end in a new container. */
  readonly outputOf: (request: ContainerCreateRequest) => Promise<string>
  readonly exec: (
    id: string,
    request: ExecCreateRequest,
    /** Given at once, or when the output holds `after`. */
    input?: string | { readonly after: string; readonly text: string },
  ) => Promise<{ readonly output: string; readonly exitCode: number | null }>
}

/** `engine`: the one of the present test. */
export function createDriver(engine: () => TestEngine): Driver {
  async function run(request: ContainerCreateRequest, name?: string): Promise<string> {
    const { Id } = await engine().containers.create({ Image: 'test', ...request }, name === undefined ? {} : { name })
    await engine().containers.start(Id)
    return Id
  }

  async function logsOf(id: string, options: Partial<LogOptions> = {}): Promise<string> {
    const sink = new PassThrough()
    const chunks: Buffer[] = []
    sink.on('data', (chunk: Buffer) => chunks.push(chunk))
    await engine().containers.logs(id, { ...LOGS, ...options }, sink, NO_ABORT)
    const all = Buffer.concat(chunks)
    let text = ''
    for (let at = 0; at < all.length; at += 8 + all.readUInt32BE(at + 4))
      text += all.toString('utf8', at + 8, at + 8 + all.readUInt32BE(at + 4))
    return text
  }

  async function until(condition: () => boolean | Promise<boolean>, seconds = 10): Promise<void> {
    const end = Date.now() + seconds * 1000
    while (!(await condition())) {
      assert.ok(Date.now() < end, `not within ${seconds} s`)
      await delay(5)
    }
  }

  async function obedient(request: ContainerCreateRequest = {}, name?: string): Promise<string> {
    const id = await run({ Cmd: OBEDIENT, ...request }, name)
    await until(async () => (await logsOf(id)).includes('ready'))
    return id
  }

  const waitFor = async (id: string): Promise<number> =>
    (await engine().containers.wait(id, 'not-running', NO_ABORT)).StatusCode

  async function outputOf(request: ContainerCreateRequest): Promise<string> {
    const id = await run(request)
    await waitFor(id)
    const text = await logsOf(id)
    await engine().containers.remove(id, { force: true, volumes: true })
    return text
  }

  const exec: Driver['exec'] = async (id, request, input) => {
    const { Id } = await engine().containers.createExec(id, { AttachStdout: true, AttachStderr: true, ...request })
    const session = await engine().containers.startExec(Id, { ConsoleSize: [33, 99] })
    assert.ok(session)
    let output = ''
    let pending = typeof input === 'object' ? input : undefined
    session.onOutput((_stream, chunk) => {
      output += chunk.toString('utf8')
      if (pending === undefined || !output.includes(pending.after)) return
      session.input?.write(pending.text)
      pending = undefined
    })
    if (typeof input === 'string') session.input?.write(input)
    if (request.Tty !== true) session.input?.end()
    await session.ended
    return { output, exitCode: (await engine().containers.inspectExec(Id)).ExitCode }
  }

  return { run, logsOf, until, obedient, waitFor, outputOf, exec }
}
