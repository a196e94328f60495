/**
 * `login` and `logout`: the engine asks the registry whether the login is good, then it is kept where docker keeps its
 * own. A password comes from a prompt without echo or from standard input, never from the command line, which every user
 * of the machine can read. Source: docker CLI reference, "docker login".
 */
import type { Command } from 'commander'
import type { AuthConfig } from '../../api/types/index.ts'
import { ApiError, UsageError, type MycomposeError } from '../../errors.ts'
import { HUB, loginForRegistry, normaliseServer, saveLogin, serverKey } from '../credentials/logins.ts'
import { addExamples } from '../help.ts'
import { readStdin } from '../io.ts'
import type { Invoke } from '../program.ts'
import { ask, askSecret } from '../prompt.ts'
import { refuseDryRun, type Session } from '../session.ts'

interface LoginFlags {
  readonly username?: string
  readonly password?: string
  readonly passwordStdin?: boolean
}

export function define(command: Command, invoke: Invoke): void {
  command
    .description(
      "Logs in to a registry and keeps the login in docker's config.json ($DOCKER_CONFIG, else ~/.docker), or in the\n" +
        'key ring that its "credsStore" or "credHelpers" names.',
    )
    .argument('[SERVER]', 'registry, like registry.example:5000 (default: Docker Hub)')
    .option('-u, --username <name>', 'user name')
    .option('-p, --password <password>', 'refused: others could read it; use --password-stdin')
    .option('--password-stdin', 'read the password or token from standard input')
    .action((server: string | undefined, flags: LoginFlags) =>
      invoke((session) => login(session, registryOf(server), flags)),
    )
  addExamples(command, [
    ['login', 'Docker Hub; asks for name and password'],
    ['login registry.example:5000', 'another registry'],
    ['login -u me --password-stdin ghcr.io < token', 'in scripts'],
  ])
}

/** @throws UsageError */
export function registryOf(server: string | undefined): string {
  const registry = normaliseServer((server ?? HUB).trim()).split('/')[0] ?? ''
  if (registry === '') throw new UsageError(`invalid registry ${JSON.stringify(server)}`)
  return registry
}

async function login(session: Session, registry: string, flags: LoginFlags): Promise<void> {
  refuseDryRun(session, 'login')
  if (flags.password !== undefined)
    throw new UsageError('a password on the command line can be read by every user of this machine', {
      hint: `use: mycompose login -u ${flags.username ?? 'NAME'} --password-stdin ${registry} < FILE`,
    })
  if (flags.username === undefined && flags.passwordStdin !== true && (await useKept(session, registry))) return
  const auth = await askLogin(session, registry, flags)
  const { IdentityToken } = await (await session.client()).login(auth, session.signal)
  const kept = IdentityToken === '' ? auth : { ...auth, identitytoken: IdentityToken }
  const place = await saveLogin(session.io, registry, kept)
  if (place.kind === 'file')
    await session.tell(
      `warning: the login lies unencrypted in ${place.name}; a credential helper ("credsStore" there) keeps it in a key ring\n`,
    )
  await session.print('Login Succeeded\n')
}

/** A login that is there and still good needs no questions. */
async function useKept(session: Session, registry: string): Promise<boolean> {
  const warn = (error: MycomposeError): void => void session.tell(`warning: ${error.message}\n`)
  const kept = await loginForRegistry(session.io, registry, warn)
  if (kept === undefined) return false
  await session.tell('Trying the login that is kept...\n')
  try {
    await (await session.client()).login(kept, session.signal)
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error
    await session.tell('It is not good any more.\n')
    return false
  }
  await session.print('Login Succeeded\n')
  return true
}

async function askLogin(session: Session, registry: string, flags: LoginFlags): Promise<AuthConfig> {
  const { io } = session
  const serveraddress = serverKey(registry)
  if (flags.passwordStdin === true) {
    if (flags.username === undefined) throw new UsageError('--password-stdin needs --username')
    // one line feed at the end is that of the file or of echo
    const password = (await readStdin(io.stdin)).replace(/\r?\n$/, '')
    if (password === '') throw new UsageError('the password on standard input is empty')
    return { username: flags.username, password, serveraddress }
  }
  if (io.stdin.isTTY !== true)
    throw new UsageError('cannot ask for a password: standard input is no terminal', {
      hint: `in a script: mycompose login -u NAME --password-stdin ${registry} < FILE`,
    })
  const username = flags.username ?? (await ask(session, `User name for ${registry}: `))
  if (username === '') throw new UsageError('a user name is needed')
  const password = await askSecret(session, `Password of ${username}: `)
  if (password === '') throw new UsageError('a password is needed')
  return { username, password, serveraddress }
}
