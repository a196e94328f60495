/** Containers and execs of the Engine API, client side. */
import type { ContainersApi, ListFilters, LogRequest, OutputChunk } from './client.ts'
import type { Caller } from './call.ts'
import { readOutput } from './streams.ts'
import { collectBytes } from '../byte-queue.ts'
import { parsePathStat } from '../path-stat.ts'
import type { WaitResponse } from '../types/index.ts'
import { NotFoundError } from '../../errors.ts'

/** The value of the `filters` query parameter; undefined without any. */
export function formatFilters(filters: ListFilters | undefined): string | undefined {
  if (filters === undefined || Object.keys(filters).length === 0) return undefined
  return JSON.stringify(
    Object.fromEntries(
      Object.entries(filters).map(([name, values]) => [name, Object.fromEntries(values.map((value) => [value, true]))]),
    ),
  )
}

async function* streamLogs(
  call: Caller,
  id: string,
  request: LogRequest,
  abort: AbortSignal | undefined,
): AsyncGenerator<OutputChunk, void> {
  const { stdout, stderr, follow, timestamps, tail, since, until } = request
  const answer = await call.request('GET', `/containers/${encodeURIComponent(id)}/logs`, {
    query: { stdout: stdout ?? true, stderr: stderr ?? true, follow, timestamps, tail, since, until },
    abort,
  })
  // only since API 1.42 does the content type tell a terminal's raw stream from frames
  const tty = answer.headers.get('content-type')?.includes('raw-stream') ?? false
  yield* readOutput(answer.body, tty)
}

export function containersApi(call: Caller): ContainersApi {
  const at = (id: string, action: string): string => `/containers/${encodeURIComponent(id)}${action}`
  const execAt = (id: string, action: string): string => `/exec/${encodeURIComponent(id)}${action}`
  const post = async (path: string, query: Parameters<Caller['request']>[2] = {}): Promise<void> => {
    await call.status('POST', path, query)
  }
  return {
    list: ({ all, size, filters } = {}) =>
      call.json('GET', '/containers/json', { query: { all, size, filters: formatFilters(filters) } }),
    inspect: (id) => call.json('GET', at(id, '/json')),
    create: (name, body, { platform } = {}) =>
      call.json('POST', '/containers/create', { query: { name, platform }, json: body }),
    start: async (id) => (await call.status('POST', at(id, '/start'))) !== 304,
    stop: async (id, { timeoutSeconds, signal, abort } = {}) =>
      (await call.status('POST', at(id, '/stop'), { query: { t: timeoutSeconds, signal }, abort })) !== 304,
    restart: (id, { timeoutSeconds } = {}) => post(at(id, '/restart'), { query: { t: timeoutSeconds } }),
    kill: (id, signal) => post(at(id, '/kill'), { query: { signal } }),
    pause: (id) => post(at(id, '/pause')),
    unpause: (id) => post(at(id, '/unpause')),
    rename: (id, name) => post(at(id, '/rename'), { query: { name } }),
    async remove(id, { force, volumes } = {}) {
      await call.status('DELETE', at(id, ''), { query: { force, v: volumes } })
    },
    wait: (id, condition, abort) => call.json('POST', at(id, '/wait'), { query: { condition }, abort }),
    async watchExit(id, condition, abort) {
      const { body } = await call.request('POST', at(id, '/wait'), { query: { condition }, abort })
      const exit = collectBytes(body).then((bytes) => JSON.parse(bytes.toString('utf8')) as WaitResponse)
      exit.catch(() => {}) // the caller's to await
      return { exit }
    },
    logs: (id, request, abort) => streamLogs(call, id, request, abort),
    stats: (id) => call.json('GET', at(id, '/stats'), { query: { stream: 'false', 'one-shot': true } }),
    top: (id) => call.json('GET', at(id, '/top')),
    async attach(id, { tty, stdin, logs, detachKeys }) {
      const query = { stream: true, stdin, stdout: true, stderr: true, logs, detachKeys }
      const { socket, bytes } = await call.upgrade(at(id, '/attach'), { query })
      return { input: socket, output: readOutput(bytes, tty), close: () => void socket.destroy() }
    },
    resize: (id, rows, columns) => post(at(id, '/resize'), { query: { h: rows, w: columns } }),
    async putArchive(id, path, tar, { abort, toUser = false } = {}) {
      const query = { path, noOverwriteDirNonDir: true, ...(toUser ? { copyUIDGID: true } : {}) }
      await call.status('PUT', at(id, '/archive'), { query, body: tar, contentType: 'application/x-tar', abort })
    },
    async statPath(id, path) {
      try {
        const { headers, body } = await call.request('HEAD', at(id, '/archive'), { query: { path } })
        await collectBytes(body)
        return parsePathStat(headers.get('x-docker-container-path-stat') ?? '')
      } catch (error) {
        // a HEAD has no body: whether the container or the path is missing is told by what comes next
        if (error instanceof NotFoundError) return undefined
        throw error
      }
    },
    getArchive: async (id, path, abort) =>
      (await call.request('GET', at(id, '/archive'), { query: { path }, abort })).body,
    async commit(id, { repository, tag, author, comment, changes = [], pause }) {
      const query = { container: id, repo: repository, tag, author, comment, changes, pause: pause ? '1' : '0' }
      return (await call.json<{ Id: string }>('POST', '/commit', { query, json: {} })).Id
    },
    export: async (id, abort) => (await call.request('GET', at(id, '/export'), { abort })).body,
    createExec: async (id, request) => (await call.json<{ Id: string }>('POST', at(id, '/exec'), { json: request })).Id,
    async startExec(execId, { tty, consoleSize }) {
      const json = { Detach: false, Tty: tty, ...(consoleSize === undefined ? {} : { ConsoleSize: consoleSize }) }
      const { socket, bytes } = await call.upgrade(execAt(execId, '/start'), { json })
      return { input: socket, output: readOutput(bytes, tty), close: () => void socket.destroy() }
    },
    startExecDetached: (execId) => post(execAt(execId, '/start'), { json: { Detach: true } }),
    resizeExec: (execId, rows, columns) => post(execAt(execId, '/resize'), { query: { h: rows, w: columns } }),
    inspectExec: (execId) => call.json('GET', execAt(execId, '/json')),
  }
}
