/** PURE: the environment and the command line of a container's process. Source: moby container/env.go, daemon/oci_linux.go. */

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Later entries replace earlier ones in place; "KEY" without "=" removes it. */
export function mergeEnv(base: readonly string[], changes: readonly string[]): string[] {
  const values = new Map<string, string>()
  for (const entry of [...base, ...changes]) {
    const split = entry.indexOf('=')
    if (split < 0) values.delete(entry)
    else values.set(entry.slice(0, split), entry)
  }
  return [...values.values()]
}

export interface EnvInput {
  readonly env: readonly string[]
  /** Undefined: no HOSTNAME. */
  readonly hostname: string | undefined
  readonly tty: boolean
  /** From the container's /etc/passwd. */
  readonly home: string
}

/** HOME is set here, not by the runtime: it would read the container's files once more. */
export function toEnv({ env, hostname, tty, home }: EnvInput): string[] {
  const named = hostname === undefined ? [] : [`HOSTNAME=${hostname}`]
  const base = [`PATH=${DEFAULT_PATH}`, ...named, ...(tty ? ['TERM=xterm'] : [])]
  const merged = mergeEnv(base, env)
  return merged.some((entry) => entry.startsWith('HOME=')) ? merged : [...merged, `HOME=${home}`]
}
