/**
 * PURE: the image's configuration under the request's, as dockerd merges them. Source: moby daemon/commit.go (merge)
 * and daemon/create.go; image-spec config.md.
 */
import { InvalidRequestError } from '../../errors.ts'
import type { ContainerConfig, ContainerCreateRequest, HealthConfig } from '../../api/types/index.ts'
import { mergeEnv } from './spec/environment.ts'

const isEmpty = (list: readonly string[] | null | undefined): boolean =>
  list === undefined || list === null || list.length === 0

/** Absent fields and zeroes are inherited; Test decides over the whole: NONE switches off. */
function mergeHealth(own: HealthConfig | undefined, image: HealthConfig | undefined): HealthConfig | undefined {
  if (own === undefined) return image
  if (image === undefined) return own
  const pick = (mine: number | undefined, theirs: number | undefined): number | undefined =>
    mine === undefined || mine === 0 ? theirs : mine
  const merged = {
    Test: isEmpty(own.Test) ? image.Test : own.Test,
    Interval: pick(own.Interval, image.Interval),
    Timeout: pick(own.Timeout, image.Timeout),
    StartPeriod: pick(own.StartPeriod, image.StartPeriod),
    StartInterval: pick(own.StartInterval, image.StartInterval),
    Retries: pick(own.Retries, image.Retries),
  }
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined))
}

/** An entrypoint of the request resets the image's command; without one, the image's is completed. */
function mergeCommand(own: ContainerConfig, image: ContainerConfig): Pick<ContainerConfig, 'Cmd' | 'Entrypoint'> {
  const ownEntrypoint = own.Entrypoint ?? undefined
  // [""] is how clients say "no entrypoint at all"
  const resets = ownEntrypoint?.length === 1 && ownEntrypoint[0] === ''
  if (ownEntrypoint !== undefined && ownEntrypoint.length > 0)
    return { Entrypoint: resets ? null : ownEntrypoint, Cmd: own.Cmd ?? null }
  return { Entrypoint: image.Entrypoint ?? null, Cmd: isEmpty(own.Cmd) ? (image.Cmd ?? null) : (own.Cmd ?? null) }
}

export function mergeConfig(
  { HostConfig: _host, NetworkingConfig: _networking, ...own }: ContainerCreateRequest,
  image: ContainerConfig,
): ContainerConfig {
  const health = mergeHealth(own.Healthcheck, image.Healthcheck)
  const stopSignal = own.StopSignal ?? image.StopSignal
  return {
    ...own,
    ...mergeCommand(own, image),
    User: own.User === undefined || own.User === '' ? (image.User ?? '') : own.User,
    WorkingDir: own.WorkingDir === undefined || own.WorkingDir === '' ? (image.WorkingDir ?? '') : own.WorkingDir,
    Env: mergeEnv(image.Env ?? [], own.Env ?? []),
    ExposedPorts: { ...image.ExposedPorts, ...own.ExposedPorts },
    Volumes: { ...image.Volumes, ...own.Volumes },
    Labels: { ...image.Labels, ...own.Labels },
    ...(health === undefined ? {} : { Healthcheck: health }),
    ...(stopSignal === undefined ? {} : { StopSignal: stopSignal }),
    ...(own.Shell === undefined && image.Shell !== undefined ? { Shell: image.Shell } : {}),
  }
}

/** Program and arguments. Throws InvalidRequestError when there is nothing to run. */
export function commandLine(config: ContainerConfig): { readonly path: string; readonly args: readonly string[] } {
  const [path, ...args] = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])]
  if (path === undefined || path === '')
    throw new InvalidRequestError('no command specified', {
      hint: 'the image has no default command: give the service a "command"',
    })
  return { path, args }
}
