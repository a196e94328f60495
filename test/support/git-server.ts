/** A repository made by the git of this machine, and two servers for it: git's own daemon, and plain files over http. */
import { execFileSync, spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, createServer as createSocketServer, type AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'
import type { TestContext } from 'node:test'
import { until } from './poll.ts'

const ENV = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_AUTHOR_DATE: '2024-01-02T03:04:05Z',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.com',
  GIT_COMMITTER_DATE: '2024-01-02T03:04:05Z',
}

/** Standard output, trimmed. */
export function git(folder: string, ...args: readonly string[]): string {
  return execFileSync('git', ['-c', 'init.defaultBranch=main', ...args], {
    cwd: folder,
    env: ENV,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim()
}

/** All that lies in the folder as one more commit; its id. */
export function commitAll(folder: string): string {
  if (!fs.existsSync(join(folder, '.git'))) git(folder, 'init', '-q')
  git(folder, 'add', '-A')
  git(folder, 'commit', '-q', '--allow-empty', '-m', 'next')
  git(folder, 'update-server-info')
  return git(folder, 'rev-parse', 'HEAD')
}

async function freePort(): Promise<number> {
  const server = createSocketServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** "git://127.0.0.1:PORT" for all repositories below the folder. */
export async function gitDaemon(t: Pick<TestContext, 'after'>, folder: string): Promise<string> {
  const port = await freePort()
  const args = ['--export-all', '--reuseaddr', '--listen=127.0.0.1', `--port=${port}`, `--base-path=${folder}`, folder]
  // no shell, and not `git daemon`: that would be a process more, which would outlive what we end
  const child = spawn('/usr/lib/git-core/git-daemon', args, {
    env: { ...ENV, GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*' },
    stdio: 'ignore',
  })
  t.after(async () => {
    child.kill('SIGTERM')
    await new Promise((resolve) => child.once('exit', resolve))
  })
  await until(
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.destroy()
          resolve(true)
        })
        socket.once('error', () => resolve(false))
      }),
    { what: 'git-daemon listens' },
  )
  return `git://127.0.0.1:${port}`
}

export interface WebServer {
  /** "http://127.0.0.1:PORT" */
  readonly url: string
  /** "GET /a" in their order. */
  readonly requests: string[]
  /** Answers instead of the files; true: done. */
  answer: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined
}

/** The files below the folder. */
export async function webServer(t: Pick<TestContext, 'after'>, folder: string): Promise<WebServer> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    if (state.answer?.(request, response) === true) return
    const path = join(folder, normalize(decodeURIComponent((request.url ?? '/').split('?')[0] ?? '/')))
    if (!fs.existsSync(path) || !fs.statSync(path).isFile()) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, { 'content-length': fs.statSync(path).size })
    if (request.method === 'HEAD') response.end()
    else fs.createReadStream(path).pipe(response)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const state: WebServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answer: undefined,
  }
  return state
}
