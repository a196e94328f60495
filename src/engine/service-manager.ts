/**
 * systemd, when it started us: hears when the engine serves and what it does (a unit of Type=notify counts as started
 * then), and is asked whether the whole machine goes down or only our unit. Without systemd nothing happens.
 * Source: sd_notify(3), systemd.exec(5) (INVOCATION_ID), systemctl(1) (is-system-running).
 */
import type { Host } from '../host/host.ts'
import type { EngineBase } from './context.ts'

const SEND_TIMEOUT_MS = 5000
const FULL_PAUSE_MS = 5
const ASK_TIMEOUT_MS = 5000

export interface ServiceManager {
  /** E.g. `{ READY: '1', STATUS: 'text for systemctl status' }`. What cannot be told is logged, never thrown. */
  notify(assignments: Readonly<Record<string, string>>): Promise<void>
  /** True on the way to reboot, poweroff, halt or kexec. False when it cannot be found out. */
  isMachineStopping(): Promise<boolean>
}

export interface ServiceManagerOptions {
  /** Of the engine's process: NOTIFY_SOCKET, INVOCATION_ID. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly log: EngineBase['log']
}

export function openServiceManager(
  host: Pick<Host, 'unixDatagrams' | 'clock' | 'exec'>,
  { environment, log }: ServiceManagerOptions,
): ServiceManager {
  const { NOTIFY_SOCKET: path = '', INVOCATION_ID: invocation = '' } = environment

  async function send(message: Buffer): Promise<void> {
    const socket = host.unixDatagrams.connect(path)
    try {
      const endMs = host.clock.nowMs() + SEND_TIMEOUT_MS
      while (!socket.send(message)) {
        if (host.clock.nowMs() > endMs) throw new Error(`${path} takes no more messages`)
        await host.clock.sleep(FULL_PAUSE_MS)
      }
    } finally {
      socket.close()
    }
  }

  return {
    async notify(assignments) {
      if (path === '') return
      const lines = Object.entries(assignments).map(([name, value]) => `${name}=${value.replaceAll('\n', ' ')}`)
      try {
        await send(Buffer.from(lines.join('\n')))
      } catch (error) {
        log('warn', 'cannot tell systemd', { message: lines[0], error })
      }
    },
    async isMachineStopping() {
      if (path === '' && invocation === '') return false
      try {
        // its exit code is 0 for "running" only
        const answer = await host.exec.run(['systemctl', 'is-system-running'], {
          okCodes: 'any',
          timeoutMs: ASK_TIMEOUT_MS,
        })
        return answer.stdout.trim() === 'stopping'
      } catch (error) {
        log('warn', 'cannot ask systemd whether the machine goes down', { error })
        return false
      }
    },
  }
}
