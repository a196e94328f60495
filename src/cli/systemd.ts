/**
 * The engine as a systemd unit: it starts with the machine (and with it what has `restart: always`), and belongs to the
 * system and not to the session of whoever started it, so that a logout ends nothing. Text is PURE; the rest asks
 * systemctl. The other side is engine/service-manager.ts. Source: systemd.service(5), systemd.exec(5), systemd.kill(5), systemd.syntax(7), CGROUP_DELEGATION.
 */
// oxlint-disable-next-line no-restricted-imports -- pure: only derives names and paths from the root folder
import { ENGINE_NODE_FLAGS, HALT_GRACE_SECONDS, type EngineConfig } from '../engine/config.ts'
import { MycomposeError, ToolError } from '../errors.ts'
import type { CliIo } from './io.ts'

/** One word of a command line: quoted, specifiers and variables as plain text. */
function quote(word: string): string {
  const escaped = word
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('%', '%%')
    .replaceAll('$', () => '$$')
  return /^[\w@%+=:,./-]+$/.test(escaped) ? escaped : `"${escaped}"`
}

/** Recovery of hundreds of containers under emulation. */
const START_TIMEOUT_SECONDS = 600
/** After the last SIGKILL: exits are recorded, networks and mounts removed. */
const CLEAN_UP_SECONDS = 60

export interface UnitOptions {
  readonly nodePath: string
  readonly engineEntry: string
  /** See engineEnvironment. */
  readonly environment: Readonly<Record<string, string>>
}

export function unitText(config: EngineConfig, { nodePath, engineEntry, environment }: UnitOptions): string {
  const command = [nodePath, ...ENGINE_NODE_FLAGS, engineEntry, '--root', config.paths.root]
  const variables = Object.entries(environment).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `# Written by "mycompose engine install"; "mycompose engine uninstall" removes it.
[Unit]
Description=mycompose engine (${config.paths.root.replaceAll('%', '%%')})
Documentation=man:systemd.service(5)
Wants=network-online.target
After=network-online.target nftables.service firewalld.service ufw.service
RequiresMountsFor=${quote(config.paths.root)}

[Service]
# started when it listens, with all containers that come up with it
Type=notify
NotifyAccess=main
ExecStart=${command.map(quote).join(' ')}
${variables.map(([name, value]) => `Environment=${quote(`${name}=${value}`)}`).join('\n')}
# containers outlive the engine: only its own process is ended with the unit
KillMode=process
Delegate=yes
Slice=system.slice
Restart=on-failure
RestartSec=1
# another engine has this root: trying again does not help
RestartPreventExitStatus=3
TimeoutStartSec=${START_TIMEOUT_SECONDS}
# when the machine goes down the engine stops the containers first, each within its stop_grace_period (${HALT_GRACE_SECONDS} at most)
TimeoutStopSec=${HALT_GRACE_SECONDS + CLEAN_UP_SECONDS}
TasksMax=infinity

[Install]
WantedBy=multi-user.target
`
}

/** @throws MycomposeError SYSTEMD_FAILED */
export async function systemctl(io: CliIo, ...args: readonly string[]): Promise<void> {
  try {
    await (await io.host.exec()).run(['systemctl', ...args])
  } catch (cause) {
    if (!(cause instanceof ToolError)) throw cause
    throw new MycomposeError(
      `systemctl ${args.join(' ')}: ${cause.stderrTail === '' ? cause.message : cause.stderrTail}`,
      {
        code: 'SYSTEMD_FAILED',
        hint: `see: systemctl status ${args.at(-1) ?? ''}, journalctl -u ${args.at(-1) ?? ''}`,
        cause,
      },
    )
  }
}

/**
 * Asked while somebody waits for the engine to listen: a unit that has ended, or is started again and again, never will.
 * `cause`: why the first start of it failed, if it did.
 * @throws MycomposeError ENGINE_START_FAILED
 */
export function unitWatch(io: CliIo, unit: string, cause: unknown): () => Promise<void> {
  const argv = ['systemctl', 'show', '--property=ActiveState,NRestarts', unit]
  let before: UnitState | undefined
  return async () => {
    const now = parseUnitState((await (await io.host.exec()).run(argv)).stdout)
    before ??= now
    if (!isFailed(before, now)) return
    throw new MycomposeError(`the engine could not start: ${unit} has failed`, {
      code: 'ENGINE_START_FAILED',
      hint: `see: journalctl -u ${unit}, \`mycompose doctor\``,
      cause,
    })
  }
}

interface UnitState {
  readonly activeState: string
  readonly restarts: number
}

/** Out of `systemctl show`. */
export function parseUnitState(properties: string): UnitState {
  const value = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(properties)?.[1] ?? ''
  return { activeState: value('ActiveState'), restarts: Number(value('NRestarts')) }
}

/** One restart is no failure: an engine that was killed is back by Restart=, perhaps after the first look. */
export function isFailed(before: UnitState, now: UnitState): boolean {
  return ['failed', 'inactive'].includes(now.activeState) || now.restarts > before.restarts + 1
}
