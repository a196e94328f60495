/** A command line in process: streams that are kept as text, signals on demand, an engine of canned answers. */
import { PassThrough } from 'node:stream'
import type { TestContext } from 'node:test'
import { join } from 'node:path'
import type { EngineClient } from '../../../src/api/client/client.ts'
import type { ContainerSummary } from '../../../src/api/types/index.ts'
import { run } from '../../../src/cli/run.ts'
import type { CliIo, SignalName } from '../../../src/cli/io.ts'
import { createCliHost, type CliHost } from '../../../src/host/cli-host.ts'

export const NOW_MS: number = Date.parse('2026-11-21T12:00:00Z')

/** A stream that keeps what is written. */
export class Sink extends PassThrough {
  isTTY = false
  columns = 100
  rows = 40
  #chunks: Buffer[] = []
  constructor() {
    super()
    this.on('data', (chunk: Buffer) => this.#chunks.push(chunk))
  }
  get text(): string {
    return Buffer.concat(this.#chunks).toString('utf8')
  }
}

export interface RunOptions {
  readonly client?: EngineClient
  /** Absolute path -> text; the only files there are. */
  readonly files?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly input?: string
  readonly tty?: boolean
  readonly userId?: number
  /** Called once the command runs, with what can be done to it. */
  readonly during?: (control: Control) => void | Promise<void>
}

export interface Control {
  readonly stdout: Sink
  readonly stderr: Sink
  readonly stdin: PassThrough
  readonly signal: (name: SignalName) => void
}

export interface RunResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

function memoryHost(files: Readonly<Record<string, string>>, userId: number): CliHost {
  const real = createCliHost()
  const kind = (path: string): 'file' | 'directory' | undefined => {
    if (Object.hasOwn(files, path)) return 'file'
    return Object.keys(files).some((file) => file.startsWith(`${path}/`)) ? 'directory' : undefined
  }
  return {
    ...real,
    userId,
    homeDir: '/home/u',
    clock: { ...real.clock, nowMs: () => NOW_MS },
    sources: {
      readText: (path) => Promise.resolve(files[path]),
      exists: (path) => Promise.resolve(kind(path) !== undefined),
      kind: (path) => Promise.resolve(kind(path)),
    },
  }
}

/** Runs to the end. */
export async function runCli(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { client, files = {}, env = {}, cwd = '/project', input, tty = false, userId = 0 } = options
  const stdout = new Sink()
  const stderr = new Sink()
  stdout.isTTY = tty
  stderr.isTTY = tty
  const stdin = new PassThrough()
  if (input !== undefined) stdin.end(input)
  const listeners = new Map<SignalName, Set<() => void>>()
  const io: CliIo = {
    stdin: stdin,
    stdout: stdout,
    stderr: stderr,
    env,
    cwd,
    host: memoryHost(files, userId),
    onSignal(signal, listener) {
      const set = listeners.get(signal) ?? new Set()
      listeners.set(signal, set.add(listener))
      return () => set.delete(listener)
    },
    engineEntry: '/nowhere/engine.js',
    ...(client === undefined ? {} : { client }),
  }
  const ending = run(argv, io)
  const signal = (name: SignalName): void => {
    for (const listener of listeners.get(name) ?? []) listener()
  }
  await options.during?.({ stdout, stderr, stdin, signal })
  const exitCode = await ending
  return { exitCode, stdout: stdout.text, stderr: stderr.text }
}

/** Parts of a client; what is missing fails with a plain Error when it is called. */
export function fakeClient(parts: { readonly [K in keyof EngineClient]?: Partial<EngineClient[K]> }): EngineClient {
  const strict = (part: object, name: string): object =>
    new Proxy(part, {
      get(target, key) {
        if (key in target || key === 'then') return (target as Record<PropertyKey, unknown>)[key]
        return () => Promise.reject(new Error(`the test's engine has no ${name}.${String(key)}`))
      },
    })
  const groups = (['containers', 'networks', 'volumes', 'images', 'builds', 'prune'] as const).map((name) => {
    return [name, strict(parts[name] ?? {}, name)] as const
  })
  return strict({ close() {}, ...parts, ...Object.fromEntries(groups) }, 'client') as EngineClient
}

/** A running container of project "p" as the engine lists it. */
export function container(service: string, number = 1, more: Partial<ContainerSummary> = {}): ContainerSummary {
  const name = `p-${service}-${number}`
  return {
    Id: Buffer.from(name).toString('hex').padEnd(64, '0'),
    Names: [`/${name}`],
    Image: `${service}:1`,
    ImageID: `sha256:${'a'.repeat(64)}`,
    Command: 'sleep infinity and some more',
    Created: NOW_MS / 1000 - 120,
    Ports: [],
    Labels: {
      'com.docker.compose.project': 'p',
      'com.docker.compose.service': service,
      'com.docker.compose.container-number': String(number),
      'com.docker.compose.oneoff': 'False',
      'com.docker.compose.config-hash': 'h',
    },
    State: 'running',
    Status: 'Up 2 minutes',
    HostConfig: { NetworkMode: 'p_default' },
    NetworkSettings: { Networks: { p_default: {} } },
    Mounts: [],
    ...more,
  }
}

/** Compares with test/golden/cli/NAME; `--test-update-snapshots` writes it. */
export function matchGolden(t: TestContext, name: string, text: string): void {
  const path = join(import.meta.dirname, '../../golden/cli', name)
  t.assert.fileSnapshot(text, path, { serializers: [(value: string) => value] })
}
