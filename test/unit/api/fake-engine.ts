/** The server on a real socket over services that are tables of answers: what the API itself does is under test. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEngineServer } from '../../../src/api/server/api.ts'
import type { ApiContext } from '../../../src/api/server/context.ts'
import { connectEngine } from '../../../src/api/client/connect.ts'
import type { EngineClient } from '../../../src/api/client/client.ts'
import { engineConfig } from '../../../src/engine/config.ts'
import type { EngineContext } from '../../../src/engine/context.ts'
import { createEvents } from '../../../src/engine/events.ts'
import { createKeyedMutex } from '../../../src/engine/locks.ts'
import { createClock } from '../../../src/host/clock.ts'
import { createFiles } from '../../../src/host/files.ts'

/** Parts of the services; calling a method that a test did not give is an error of the test. */
export interface FakeServices {
  readonly containers?: Partial<EngineContext['containers']>
  readonly images?: Partial<EngineContext['images']>
  readonly networks?: Partial<EngineContext['networks']>
  readonly volumes?: Partial<EngineContext['volumes']>
  readonly builds?: Partial<EngineContext['builds']>
}

function only<T extends object>(name: string, given: Partial<T> | undefined): T {
  return new Proxy(given ?? {}, {
    get(target, key) {
      const value = Reflect.get(target, key) as unknown
      if (value === undefined) throw new Error(`the test gives no ${name}.${String(key)}`)
      return value
    },
  }) as T
}

export interface ServedEngine extends AsyncDisposable {
  readonly socketPath: string
  readonly client: EngineClient
  readonly events: EngineContext['events']
  /** What the engine logged. */
  readonly log: string[]
  readonly shutdowns: { readonly all: boolean }[]
  /** Writes the bytes, closes that half, and returns all that comes back. */
  raw(text: string): Promise<string>
}

export async function serve(services: FakeServices): Promise<ServedEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'mycompose-api-'))
  const socketPath = join(folder, 's')
  const log: string[] = []
  const shutdowns: { all: boolean }[] = []
  const clock = createClock()
  const events = createEvents(clock, () => {})
  const engine = {
    config: engineConfig(folder, '0.0.0'),
    host: only<EngineContext['host']>('host', { clock, files: createFiles() }),
    state: only<EngineContext['state']>('state', {}),
    events,
    locks: createKeyedMutex(),
    log: (level: string, message: string) => void log.push(`${level} ${message}`),
    containers: only('containers', services.containers),
    images: only('images', services.images),
    networks: only('networks', services.networks),
    volumes: only('volumes', services.volumes),
    builds: only('builds', services.builds),
    layers: only('layers', {}),
  } as EngineContext
  const control: ApiContext['control'] = {
    startedAt: '2026-01-01T00:00:00Z',
    facts: () =>
      Promise.resolve({
        hostname: 'h',
        kernelVersion: '6.1',
        operatingSystem: 'Test',
        architecture: 'amd64',
        machine: 'x86_64',
        processors: 1,
        memoryBytes: 1,
        cgroupLayout: 'v2',
        runtime: { name: 'crun', path: 'crun', version: '1.0' },
        conmonVersion: '2.0',
      }),
    doctor: () => Promise.resolve([{ check: 'c', status: 'ok', message: 'm' }]),
    requestShutdown: (options) => void shutdowns.push(options),
  }
  const server = createEngineServer({ engine, control })
  await server.listen(socketPath)
  const client = connectEngine({ socketPath })
  return {
    socketPath,
    client,
    events,
    log,
    shutdowns,
    raw: (text) =>
      new Promise((resolve, reject) => {
        let answer = ''
        const socket = createConnection(socketPath)
        socket.on('data', (data) => (answer += data.toString('latin1')))
        socket.once('error', reject)
        socket.once('close', () => resolve(answer))
        socket.end(text)
      }),
    async [Symbol.asyncDispose]() {
      client.close()
      await server.close(0)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
