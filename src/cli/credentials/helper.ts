/**
 * Credential helpers: programs `docker-credential-NAME` that keep logins in a key ring. Everything goes through their
 * standard streams. Source: github.com/docker/docker-credential-helpers README (the protocol).
 */
import type { CliHost } from '../../host/cli-host.ts'
import { MycomposeError, ToolError } from '../../errors.ts'

export interface HelperContext {
  readonly env: Readonly<Record<string, string>>
  readonly host: Pick<CliHost, 'exec'>
}

export interface HelperLogin {
  /** "<token>": the secret is an identity token. */
  readonly username: string
  readonly secret: string
}

const TIMEOUT_MS = 60_000
const NOT_FOUND = /credentials not found/i

async function call(
  { env, host }: HelperContext,
  helper: string,
  action: 'erase' | 'get' | 'store',
  input: string,
): Promise<string | undefined> {
  const program = `docker-credential-${helper}`
  // a key ring needs the session's bus, agent and terminal
  const options = { input, env, okCodes: 'any' as const, timeoutMs: TIMEOUT_MS }
  let result: Awaited<ReturnType<Awaited<ReturnType<CliHost['exec']>>['run']>>
  try {
    result = await (await host.exec()).run([program, action], options)
  } catch (error) {
    if (!(error instanceof ToolError)) throw error
    throw new MycomposeError(`cannot run the credential helper ${program}`, {
      code: 'CREDENTIAL_HELPER',
      hint: 'install it, or take it out of "credsStore" and "credHelpers" in docker\'s config.json',
      cause: error,
    })
  }
  if (result.exitCode === 0) return result.stdout
  // helpers tell errors on standard output; what they got may be repeated in it only by `get`, which got a host name
  const said = result.stdout.trim()
  if (NOT_FOUND.test(said)) return undefined
  const why = action === 'get' && said !== '' ? `: ${said.slice(0, 300)}` : ''
  throw new MycomposeError(`the credential helper ${program} cannot ${action} a login${why}`, {
    code: 'CREDENTIAL_HELPER',
    hint: `try it by hand: echo SERVER | ${program} get`,
  })
}

/** Undefined when it knows none. */
export async function getFromHelper(
  context: HelperContext,
  helper: string,
  server: string,
): Promise<HelperLogin | undefined> {
  const answer = await call(context, helper, 'get', server)
  if (answer === undefined) return undefined
  try {
    const { Username, Secret } = JSON.parse(answer) as { readonly Username?: unknown; readonly Secret?: unknown }
    if (typeof Username === 'string' && typeof Secret === 'string' && Secret !== '')
      return { username: Username, secret: Secret }
  } catch {
    // told below: the parser's own message would quote the answer
  }
  throw new MycomposeError(`the credential helper docker-credential-${helper} answered no login`, {
    code: 'CREDENTIAL_HELPER',
  })
}

export async function storeInHelper(
  context: HelperContext,
  helper: string,
  server: string,
  { username, secret }: HelperLogin,
): Promise<void> {
  await call(context, helper, 'store', JSON.stringify({ ServerURL: server, Username: username, Secret: secret }))
}

export async function eraseFromHelper(context: HelperContext, helper: string, server: string): Promise<void> {
  await call(context, helper, 'erase', server)
}
