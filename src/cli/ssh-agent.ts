/**
 * What `--ssh ID=PATH` and `build.ssh` name: the socket of an agent, or a key, for which ssh-agent(1) is started for as long
 * as the build runs. The engine gets the socket alone: no key leaves the agent.
 */
import { tmpdir } from 'node:os'
import { posix } from 'node:path'
import type { CliHost } from '../host/cli-host.ts'
import { MycomposeError, ToolError, errnoOf } from '../errors.ts'

export interface SshAgent extends AsyncDisposable {
  readonly socketPath: string
}

const START_MS = 5000
const POLL_MS = 10

/** @throws MycomposeError BUILD_SSH */
export async function openSshAgent(host: Pick<CliHost, 'clock' | 'exec' | 'files'>, path: string): Promise<SshAgent> {
  const found = await host.files.stat(path).catch((cause: unknown) => {
    throw failure(`cannot read ssh key or agent ${path}: ${errnoOf(cause) ?? String(cause)}`, cause)
  })
  if (found.isSocket()) return { socketPath: path, [Symbol.asyncDispose]: () => Promise.resolve() }
  if (!found.isFile()) throw failure(`${path} is neither an ssh key nor the socket of an agent`)
  await using undo = new AsyncDisposableStack()
  const folder = await host.files.mkdtemp(posix.join(tmpdir(), 'mycompose-ssh-'))
  undo.defer(() => host.files.rm(folder, { recursive: true, force: true }))
  const socketPath = posix.join(folder, 'agent')
  const exec = await host.exec()
  const agent = exec.spawn(['ssh-agent', '-D', '-a', socketPath], { stdio: ['ignore', 'ignore', 'ignore'] })
  undo.defer(async () => {
    agent.kill('SIGTERM')
    await agent.exited.catch(() => {}) // it could not be started: told below
  })
  try {
    await listening(host, socketPath, agent.exited)
    await exec.run(['ssh-add', '-q', path], {
      // no terminal and no window asks for a passphrase
      env: {
        PATH: '/usr/local/bin:/usr/bin:/bin',
        LC_ALL: 'C.UTF-8',
        SSH_AUTH_SOCK: socketPath,
        SSH_ASKPASS_REQUIRE: 'never',
      },
    })
  } catch (cause) {
    if (!(cause instanceof ToolError)) throw cause
    const said = cause.stderrTail === '' ? cause.message : cause.stderrTail
    throw failure(`cannot use ssh key ${path}: ${said}`, cause)
  }
  const parts = undo.move()
  return { socketPath, [Symbol.asyncDispose]: () => parts.disposeAsync() }
}

/** Resolves once it takes connections. */
async function listening(
  { files, clock }: Pick<CliHost, 'clock' | 'files'>,
  socketPath: string,
  exited: Promise<unknown>,
): Promise<void> {
  const givenUp = new AbortController()
  const appeared = async (): Promise<boolean> => {
    for (let waitedMs = 0; waitedMs < START_MS && !givenUp.signal.aborted; waitedMs += POLL_MS) {
      if (files.existsSync(socketPath)) return true
      await clock.sleep(POLL_MS)
    }
    return false
  }
  const ended = exited.then(() => false)
  try {
    if (!(await Promise.race([appeared(), ended]))) throw failure('ssh-agent does not start')
  } finally {
    givenUp.abort()
  }
}

function failure(message: string, cause?: unknown): MycomposeError {
  return new MycomposeError(message, {
    code: 'BUILD_SSH',
    hint: 'ssh-agent and ssh-add (openssh-client) must be installed; a key with a passphrase belongs into your own agent: ssh-add FILE, then --ssh default',
    cause,
  })
}
