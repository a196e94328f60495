/**
 * update: new limits and a new restart policy for a container, running or not. Recorded first; a crash before the
 * kernel has them is made good when the container is adopted. Source: Engine API ContainerUpdate, moby
 * container/container_unix.go (UpdateContainer: zero leaves a value as it is).
 */
import { join } from 'node:path'
import { ConflictError, InvalidRequestError, MycomposeError } from '../../errors.ts'
import type { ContainerUpdateRequest, HostConfig } from '../../api/types/index.ts'
import { blockWeights } from '../cgroups/block-limits.ts'
import { toOciResources } from '../cgroups/limits.ts'
import { runTool } from '../runtime/run-tool.ts'
import { cleanToolText } from '../runtime/runtime-error.ts'
import { lockKey, publish, type ContainersContext } from './context.ts'
import { checkRestartPolicy } from './create.ts'
import { containerFolder } from './folders.ts'
import type { Container } from './store.ts'

const LIMITS = [
  'BlkioWeight',
  'CpuPeriod',
  'CpuQuota',
  'CpuRealtimePeriod',
  'CpuRealtimeRuntime',
  'CpuShares',
  'CpusetCpus',
  'CpusetMems',
  'Memory',
  'MemoryReservation',
  'MemorySwap',
  'NanoCpus',
  'PidsLimit',
] as const satisfies readonly (keyof ContainerUpdateRequest)[]

const isWish = (value: unknown): boolean => value !== undefined && value !== null && value !== 0 && value !== ''

/** PURE. Throws InvalidRequestError, ConflictError. */
export function mergeLimits(old: HostConfig, request: ContainerUpdateRequest): HostConfig {
  const { RestartPolicy: policy, NanoCpus = 0, CpuPeriod = 0, CpuQuota = 0 } = request
  if (NanoCpus > 0 && ((old.CpuPeriod ?? 0) > 0 || (old.CpuQuota ?? 0) > 0))
    throw new ConflictError('conflicting options: nano CPUs cannot be updated as CPU period or quota has been set')
  if ((CpuPeriod > 0 || CpuQuota > 0) && (old.NanoCpus ?? 0) > 0)
    throw new ConflictError('conflicting options: CPU period and quota cannot be updated as nano CPUs has been set')
  const { Memory = 0, MemorySwap = 0 } = request
  if (Memory > 0 && MemorySwap === 0 && (old.MemorySwap ?? 0) > 0 && Memory > (old.MemorySwap ?? 0))
    throw new InvalidRequestError(
      'memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time',
    )
  const limits = LIMITS.filter((key) => isWish(request[key])).map((key) => [key, request[key]])
  return {
    ...old,
    ...(Object.fromEntries(limits) as Partial<HostConfig>),
    ...(policy !== undefined && policy.Name !== '' ? { RestartPolicy: policy } : {}),
  }
}

/** Brings the cgroup of a running container to what its document says. Throws MycomposeError RUNTIME_FAILED. */
export async function applyLimits(context: ContainersContext, { id, document, run }: Container): Promise<void> {
  if (run === undefined) return
  const { cgroups, runtimes } = await context.platform()
  const silent = (): void => {}
  const runtime = runtimes.byName(document.runtime)
  const file = join(containerFolder(context.config, id).bundle, 'resources.json')
  const resources = toOciResources(document.hostConfig, cgroups.abilities, silent)
  await context.host.files.writeFile(file, JSON.stringify(resources), { mode: 0o600 })
  const argv = [runtime.path, ...runtime.globalArgs, 'update', '--resources', file, id]
  const { exitCode, stderr } = await runTool((program, options) => runtime.spawn(program, options), argv)
  if (exitCode !== 0)
    throw new MycomposeError(`cannot update container ${id}: ${cleanToolText(stderr)}`, { code: 'RUNTIME_FAILED' })
  cgroups.write(run.cgroupPath, 'blkio', blockWeights(document.hostConfig, cgroups.abilities, silent))
  // runtimes leave what is not there as it was, and crun does not know -1
  if ((document.hostConfig.PidsLimit ?? 0) < 0 && cgroups.abilities.pids)
    cgroups.write(run.cgroupPath, 'pids', [['pids.max', 'max']])
}

/** Answers warnings: what this machine's controllers cannot do. */
export async function updateContainer(
  context: ContainersContext,
  container: Container,
  request: ContainerUpdateRequest,
): Promise<string[]> {
  const warnings: string[] = []
  await context.locks.run(lockKey(container.id), async () => {
    const { hostConfig: before } = container.document
    const hostConfig = mergeLimits(before, request)
    checkRestartPolicy(hostConfig)
    const { cgroups } = await context.platform()
    toOciResources(hostConfig, cgroups.abilities, (text) => void warnings.push(text))
    if (container.isRemoving) throw new ConflictError(`container ${container.id} is marked for removal`)
    const hasLimits = LIMITS.some((key) => isWish(request[key]))
    context.store.update(container, { hostConfig, ...(hasLimits ? { limitsPending: true } : {}) })
    if (!hasLimits) return
    try {
      await applyLimits(context, container)
    } catch (error) {
      context.store.update(container, { hostConfig: before, limitsPending: undefined })
      await applyLimits(context, container) // what the runtime had done before it failed
      throw error
    }
    context.store.update(container, { limitsPending: undefined })
  })
  publish(context, container, 'update')
  return warnings
}
