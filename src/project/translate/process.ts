/** The process of a container: command, user, folder, terminal, signals, restart, logging. Pure. */
import type { ContainerConfig, HostConfig, RestartPolicy } from '../../api/types/index.ts'
import type { Service } from '../../compose/model.ts'
import { toEnv } from './env.ts'
import { toHealth } from './health.ts'
import { present } from './present.ts'

export function toProcess(service: Service): ContainerConfig {
  const env = toEnv(service.environment)
  return present<Partial<ContainerConfig>>({
    Hostname: service.hostname,
    Domainname: service.domainname,
    User: service.user,
    Tty: service.tty,
    OpenStdin: service.stdinOpen,
    Env: env.length > 0 ? env : undefined,
    Cmd: service.command ?? undefined,
    Entrypoint: service.entrypoint ?? undefined,
    WorkingDir: service.workingDir,
    StopSignal: service.stopSignal,
    StopTimeout: toStopTimeout(service.stopGracePeriod),
    Healthcheck: toHealth(service.healthcheck),
  })
}

/** Whole seconds: half a second of grace must not become none. */
export function toStopTimeout(graceNs: number | undefined): number | undefined {
  return graceNs === undefined ? undefined : Math.ceil(graceNs / 1e9)
}

/** `deploy.restart_policy` wins over `restart`, as in docker compose. */
export function toRestartPolicy(service: Service): RestartPolicy | undefined {
  const deploy = service.deploy?.restartPolicy
  if (deploy !== undefined) {
    const Name = ({ none: 'no', 'on-failure': 'on-failure', any: 'always' } as const)[deploy.condition ?? 'any']
    return present<RestartPolicy>({ Name, MaximumRetryCount: Name === 'on-failure' ? deploy.maxAttempts : undefined })
  }
  const { restart } = service
  if (restart === undefined) return undefined
  return present<RestartPolicy>({ Name: restart.name, MaximumRetryCount: restart.maxRetries })
}

export function toLogConfig({ logging }: Service): HostConfig['LogConfig'] {
  if (logging === undefined) return undefined
  const options = Object.entries(logging.options ?? {}).filter((entry): entry is [string, string] => entry[1] !== null)
  return present<NonNullable<HostConfig['LogConfig']>>({
    Type: logging.driver,
    Config: options.length > 0 ? Object.fromEntries(options) : undefined,
  })
}
