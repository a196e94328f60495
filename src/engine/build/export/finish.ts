/** The end of a build: the image recorded, and its cache written for others. */
import { toCanonicalTag } from '../../../api/reference.ts'
import { parseBuildTag } from '../../images/built.ts'
import { touchSteps } from '../cache/records.ts'
import { collectCache, inlineRecords } from '../exchange/collect.ts'
import { withRecords } from '../exchange/document.ts'
import { cacheTargets, shownPlace } from '../exchange/places.ts'
import { sendCache } from '../exchange/send.ts'
import type { Plan } from '../plan.ts'
import type { Session } from '../session.ts'
import { credentialsFor } from '../solve/credentials.ts'
import { endingOf } from '../solve/progress.ts'
import type { Solution } from '../solve/solve.ts'
import { finishImage } from './image.ts'

const EXPORT_ID = 'export'

/** Returns the image's id. */
export async function exportImage(
  { context, request, progress }: Session,
  plan: Plan,
  solution: Solution,
): Promise<string> {
  progress.announce({ id: EXPORT_ID, name: 'exporting to image', inputs: [`step-${plan.image.operation}`] })
  progress.started(EXPORT_ID)
  const { chainIds, config } = finishImage(context, plan.image, solution.stateOf)
  const isInline = cacheTargets(request).some(({ place }) => place.kind === 'inline')
  const cache = isInline ? collectCache(context, plan, solution.stateOf, 'min') : { layers: [], records: [] }
  const id = await context.images.addBuilt({
    chainIds,
    config: withRecords(config, inlineRecords(cache, config.rootfs.diff_ids)),
    tags: request.tags ?? [],
  })
  touchSteps(context, solution.usedKeys)
  const lines = [
    `writing image ${id}`,
    ...(request.tags ?? []).map((tag) => `naming to ${toCanonicalTag(parseBuildTag(tag))}`),
  ]
  progress.output(EXPORT_ID, { stream: 'stdout', data: Buffer.from(lines.map((line) => `${line}\n`).join('')) })
  progress.ended(EXPORT_ID, { kind: 'done', cached: false })
  return id
}

/** `cache_to`, but for inline ones. */
export async function exportCaches(
  { context, request, progress, signal }: Session,
  plan: Plan,
  solution: Solution,
): Promise<void> {
  const targets = cacheTargets(request).filter(({ place }) => place.kind !== 'inline')
  for (const [index, { place, mode, ignoresErrors }] of targets.entries()) {
    const id = `export-cache-${index}`
    progress.announce({ id, name: `exporting cache to ${shownPlace(place)}`, inputs: [] })
    progress.started(id)
    try {
      const cache = collectCache(context, plan, solution.stateOf, mode)
      const logins = (domain: string): ReturnType<typeof credentialsFor> =>
        credentialsFor(request.registryAuth ?? {}, domain)
      const wish = { place, cache, platform: plan.image.config, credentialsFor: logins, signal }
      await context.images.holdBlobs(() => sendCache(context, wish))
      progress.ended(id, { kind: 'done', cached: false })
    } catch (error) {
      progress.ended(id, endingOf(error))
      if (!ignoresErrors) throw error
    }
  }
}
