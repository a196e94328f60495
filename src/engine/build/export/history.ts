/**
 * The history of an image that was built, with times: a step that made a layer has that of its run, the others that of the
 * layer before them, or of the first one. PURE. Source: OCI image-spec config.md "history"; BuildKit's exporter.
 */
import type { ImageConfig } from '../../../api/types/index.ts'
import type { PlannedImage } from '../plan.ts'
import type { StateOf } from '../solve/solve.ts'

type History = NonNullable<ImageConfig['history']>
type Step = History[number]

/** What each step has come to. A cache from elsewhere may know of a step that made no layer. */
function toStep({ operation, ...step }: PlannedImage['history'][number], stateOf: StateOf): Step {
  if (operation === undefined) return step
  const { hasLayer, created } = stateOf(operation)
  const time = step.created ?? (hasLayer ? created : undefined)
  return { ...step, ...(time === undefined ? {} : { created: time }), ...(hasLayer ? {} : { empty_layer: true }) }
}

/** The time of the first layer that is new; else of the last step that has one. */
function firstNewTime(steps: readonly Step[]): string | undefined {
  let time: string | undefined
  let isNew = false
  for (const { created } of steps) {
    if (created === undefined) isNew = true
    else {
      time = created
      if (isNew) break
    }
  }
  return time
}

function withTimes(steps: readonly Step[]): History {
  let time = firstNewTime(steps)
  let isNew = false
  return steps.map((step) => {
    if (step.created !== undefined) {
      if (isNew) time = step.created
      return step
    }
    isNew = true
    return time === undefined ? step : { ...step, created: time }
  })
}

export function toHistory({ history }: PlannedImage, stateOf: StateOf): History {
  return withTimes(history.map((step) => toStep(step, stateOf)))
}

/** When the image came to be: the last time in its history. */
export function createdOf(history: History): string | undefined {
  return history.findLast(({ created }) => created !== undefined)?.created
}
