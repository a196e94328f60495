/**
 * git as a program that runs with no settings but ours: no hooks, no prompts, no transports but http, https, ssh and git,
 * nothing of the user's or the machine's configuration; secrets go by its environment, never by arguments.
 * Source: man 1 git (GIT_ALLOW_PROTOCOL), git-config (protocol.*, core.hooksPath); CVE-2026-33748.
 */
import { join } from 'node:path'
import { withoutPassword, type GitAddress } from './git-url.ts'
import { MycomposeError, ToolError, UnsupportedError } from '../../../errors.ts'
import type { EngineBase } from '../../context.ts'

type Base = Pick<EngineBase, 'host' | 'config'>

export interface GitOptions {
  /** Of an agent, for ssh. */
  readonly sshSocket?: string
  /** GIT_AUTH_TOKEN, GIT_AUTH_HEADER, also with ".host" behind. */
  readonly secrets?: ReadonlyMap<string, string>
  readonly signal?: AbortSignal
  readonly onProgress?: (line: string) => void
  /** For repositories of our own (git-mirror.ts), and for nothing else: no other machine is spoken to. */
  readonly isLocal?: boolean
}

const SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.symlinks=true',
  'protocol.allow=never',
  'protocol.http.allow=always',
  'protocol.https.allow=always',
  'protocol.git.allow=always',
  'protocol.ssh.allow=always',
  'gc.auto=0',
  'maintenance.auto=false',
  'submodule.recurse=false',
  'init.defaultBranch=master',
  'advice.detachedHead=false',
  'safe.directory=*',
] as const

/** "Authorization: ..." for the host, or undefined. */
function authorization({ host }: GitAddress, secrets: ReadonlyMap<string, string> | undefined): string | undefined {
  const find = (name: string): string | undefined => secrets?.get(`${name}.${host}`) ?? secrets?.get(name)
  const header = find('GIT_AUTH_HEADER')
  if (header !== undefined) return `Authorization: ${header.trim()}`
  const token = find('GIT_AUTH_TOKEN')
  if (token === undefined) return undefined
  return `Authorization: basic ${Buffer.from(`x-access-token:${token.trim()}`).toString('base64')}`
}

function environment(
  { config }: Base,
  address: GitAddress,
  { secrets, sshSocket, isLocal = false }: GitOptions,
): Record<string, string> {
  const known = join(config.paths.root, 'build', 'known_hosts')
  const settings: [string, string][] = [...SETTINGS, ...(isLocal ? ['protocol.file.allow=always'] : [])].map(
    (setting) => {
      const equals = setting.indexOf('=')
      return [setting.slice(0, equals), setting.slice(equals + 1)]
    },
  )
  const header = authorization(address, secrets)
  // for this remote alone: a submodule or a redirect elsewhere is not told
  if (header !== undefined && URL.canParse(address.remote))
    settings.push([`http.${new URL(address.remote).origin}/.extraHeader`, header])
  const numbered = settings.flatMap(([key, value], index): [string, string][] => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ])
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C.UTF-8',
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '/bin/false',
    SSH_ASKPASS: '/bin/false',
    GIT_ALLOW_PROTOCOL: isLocal ? 'file' : 'http:https:ssh:git',
    GIT_PROTOCOL_FROM_USER: '0',
    GIT_SSH_COMMAND: `ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=${known}`,
    ...(sshSocket === undefined ? {} : { SSH_AUTH_SOCK: sshSocket }),
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(numbered),
  }
}

export interface Git {
  /** Standard output. Throws GIT_FAILED, UnsupportedError, CanceledError. */
  (...args: readonly string[]): Promise<string>
}

/** Where git works; absent: nowhere, as for `ls-remote`. */
export type GitPlace =
  | { readonly kind: 'checkout'; readonly folder: string }
  /** Without files of its own. */
  | { readonly kind: 'bare'; readonly folder: string }

function placeArguments(place: GitPlace | undefined): readonly string[] {
  if (place === undefined) return []
  const { kind, folder } = place
  return kind === 'bare' ? [`--git-dir=${folder}`] : [`--git-dir=${join(folder, '.git')}`, `--work-tree=${folder}`]
}

function failed(address: GitAddress, args: readonly string[], cause: unknown): unknown {
  if (!(cause instanceof ToolError)) return cause
  if (cause.toolExitCode === null && cause.message.includes('ENOENT'))
    return new UnsupportedError('git repositories need git, and this machine has none', {
      hint: 'install it: apt-get install git',
      cause,
    })
  const said = cause.stderrTail.replaceAll(address.remote, withoutPassword(address.remote)).trim()
  return new MycomposeError(`git ${args[0]} of ${withoutPassword(address.remote)} failed: ${said}`, {
    code: 'GIT_FAILED',
    hint: 'is the address right, and does it need a login (secret GIT_AUTH_TOKEN, or --ssh)?',
  })
}

export function createGit(base: Base, address: GitAddress, options: GitOptions, place?: GitPlace): Git {
  const env = environment(base, address, options)
  const { signal } = options
  return async (...args) => {
    try {
      const result = await base.host.exec.run(['git', ...placeArguments(place), ...args], {
        env,
        cwd: place?.folder ?? '/',
        ...(signal === undefined ? {} : { signal }),
      })
      return result.stdout
    } catch (cause) {
      throw failed(address, args, cause)
    }
  }
}
