/**
 * `pre_start`: steps in containers of their own, which have the service's volumes and networks, one after the other
 * before the service starts; once a service and only when no replica of it runs, or once a replica. A step that fails
 * leaves its container for inspection, until the next try or `down`. Source: Compose Specification (pre_start),
 * docs.docker.com/compose/how-tos/init-containers.
 */
import type { ContainerCreateRequest, ContainerInspect } from '../api/types/index.ts'
import type { PreStartHook, Project, Service } from '../compose/model.ts'
import type { ProjectContext } from './context.ts'
import { diagnose } from './diagnose.ts'
import { serviceOf } from './hooks.ts'
import { LABEL, projectFilter } from './labels.ts'
import { containerResource } from './names.ts'
import type { ContainerRef } from './plan.ts'
import { toEnv } from './translate/env.ts'
import { networkName } from './translate/networks.ts'
import { present } from './translate/present.ts'
import { MycomposeError, NotFoundError } from '../errors.ts'

const PRE_START = 'pre_start'

/** Of one command: who comes first runs the steps of the service, the other replicas wait for them. */
export interface PreStart {
  /** Before the container starts. Throws MycomposeError HOOK_FAILED. */
  run(project: Project | undefined, container: ContainerRef & { readonly id: string }): Promise<void>
}

export function createPreStart(context: ProjectContext): PreStart {
  const shared = new Map<string, Promise<void>>()
  return {
    async run(project, container) {
      const service = serviceOf(project, container.service)
      if (project === undefined || service?.preStart === undefined || context.dryRun === true) return
      const steps = service.preStart.map((hook, index) => ({ hook, index }))
      const perReplica = steps.filter(({ hook }) => hook.perReplica === true)
      const once = steps.filter(({ hook }) => hook.perReplica !== true)
      const first = shared.get(service.name) ?? runOnce(context, { project, service, container }, once)
      shared.set(service.name, first)
      await first
      for (const step of perReplica) await runStep(context, { project, service, container }, step)
    },
  }
}

interface Subject {
  readonly project: Project
  readonly service: Service
  /** Created, and about to start. */
  readonly container: ContainerRef & { readonly id: string }
}

interface Step {
  readonly hook: PreStartHook
  readonly index: number
}

async function runOnce(context: ProjectContext, subject: Subject, steps: readonly Step[]): Promise<void> {
  const { project, service } = subject
  if (steps.length === 0) return
  const label = [...(projectFilter(project.name)['label'] ?? []), `${LABEL.service}=${service.name}`]
  const running = await context.client.containers.list({ filters: { label } })
  if (running.some(({ Labels }) => Labels[LABEL.oneOff] !== 'True')) return
  for (const step of steps) await runStep(context, subject, step)
}

async function runStep(context: ProjectContext, subject: Subject, { hook, index }: Step): Promise<void> {
  const { client, sink, signal } = context
  const { service, container } = subject
  const name = `${container.name}-${PRE_START}-${index}`
  const resource = containerResource(name)
  await removeLeft(context, name)
  sink.progress({ id: resource, status: 'working', text: 'Running' })
  const owner = await client.containers.inspect(container.id)
  const { Id } = await client.containers.create(name, toRequest(subject, hook, owner))
  const waiting = new AbortController()
  try {
    const ended = client.containers.wait(Id, 'next-exit', AbortSignal.any([signal, waiting.signal]))
    ended.catch(() => {}) // told below, when it was started
    await client.containers.start(Id)
    const { StatusCode } = await ended
    if (StatusCode !== 0)
      throw new MycomposeError(`service "${service.name}" ${PRE_START}[${index}] exited with code ${StatusCode}`, {
        code: 'HOOK_FAILED',
        hint: await diagnose(context, { id: Id, name }, await client.containers.inspect(Id)),
      })
  } catch (error) {
    sink.progress({ id: resource, status: 'error', text: 'Error' })
    if (signal.aborted) await client.containers.remove(Id, { force: true, volumes: true })
    throw error
  } finally {
    waiting.abort()
  }
  await client.containers.remove(Id, { force: true, volumes: true })
  sink.progress({ id: resource, status: 'done', text: 'Exited' })
}

/** Of an earlier try that failed. */
async function removeLeft({ client }: ProjectContext, name: string): Promise<void> {
  try {
    await client.containers.remove(name, { force: true, volumes: true })
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error
  }
}

/** Networks without addresses and names: those are the service's own. */
function toRequest(
  { project, service, container }: Subject,
  hook: PreStartHook,
  { Config, HostConfig, Image }: ContainerInspect,
): ContainerCreateRequest {
  const ownImage = hook.image === undefined
  const networks = service.networkMode === undefined ? Object.keys(service.networks) : []
  const labels = Config.Labels ?? {}
  return present<ContainerCreateRequest>({
    Image: hook.image ?? Image,
    Cmd: hook.command,
    Env: [...(ownImage ? (Config.Env ?? []) : toEnv(service.environment)), ...toEnv(hook.environment ?? {})],
    User: hook.user ?? (ownImage ? Config.User : undefined),
    WorkingDir: hook.workingDir ?? (ownImage ? Config.WorkingDir : undefined),
    Labels: {
      ...Object.fromEntries(
        [LABEL.project, LABEL.service, LABEL.version, LABEL.configHash, LABEL.workingDir, LABEL.configFiles].flatMap(
          (key) => (labels[key] === undefined ? [] : [[key, labels[key]]]),
        ),
      ),
      [LABEL.oneOff]: 'True',
      [LABEL.hook]: PRE_START,
    },
    HostConfig: present<NonNullable<ContainerCreateRequest['HostConfig']>>({
      NetworkMode: HostConfig.NetworkMode,
      VolumesFrom: [container.id],
      Privileged: hook.privileged,
      ExtraHosts: HostConfig.ExtraHosts,
      Dns: HostConfig.Dns,
    }),
    NetworkingConfig:
      networks.length === 0
        ? undefined
        : { EndpointsConfig: Object.fromEntries(networks.map((key) => [networkName(project, key), {}])) },
  })
}
