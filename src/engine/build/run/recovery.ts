/**
 * RUN steps of an engine that died: a step without its engine is of no use to anybody, so its processes are killed and its
 * cgroup, mounts and files go. Its snapshot lies in tmp/, its sandbox belongs to no container: layers and networks remove
 * those themselves, afterwards.
 */
import { join } from 'node:path'
import type { EngineContext } from '../../context.ts'
import { mountPointsBelow, unmount } from '../../layers/mount-points.ts'
import { killStep } from './process.ts'
import type { StepRecord } from './step-folder.ts'

type Context = Pick<EngineContext, 'config' | 'host' | 'log' | 'platform'>

async function recoverStep(context: Context, folder: string): Promise<void> {
  const { host, log } = context
  const text = await host.files.readTextIfExists(join(folder, 'step.json'))
  if (text !== undefined && text !== '') {
    const record = JSON.parse(text) as StepRecord
    const { cgroups } = await context.platform()
    await killStep(context, cgroups, record)
    log('info', 'ended a build step of an engine that died', { step: record.id })
  }
  for (const point of mountPointsBelow(host, folder).toReversed()) await unmount(context, point)
  await unmount(context, folder)
  await host.files.rm(folder, { recursive: true, force: true })
}

/** Before layers and networks are recovered. Goes on after a failure, which is logged. */
export async function recoverSteps(context: Context): Promise<void> {
  const { host, config, log } = context
  for (const name of await host.files.readdir(config.paths.buildSteps)) {
    const folder = join(config.paths.buildSteps, name)
    try {
      await recoverStep(context, folder)
    } catch (error) {
      log('error', 'cannot remove a build step of an engine that died', { folder, error })
    }
  }
}
