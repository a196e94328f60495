/**
 * The plan of `up`: the steps in the order in which their operations are numbered, so that the plan could also run one
 * by one. Pure: same input, same plan.
 */
import type { Plan } from '../plan.ts'
import { createPlanBuilder } from '../plan.ts'
import { staysUp } from '../observe.ts'
import { checkContents, fileWarnings } from '../translate/files.ts'
import { planCreates, planReplacements } from './creates.ts'
import { selectServices } from './input.ts'
import type { DesiredContainer, UpInput, UpState } from './input.ts'
import { findReplacedNetworks, planNetworks } from './networks.ts'
import { planOrphans } from './orphans.ts'
import { planReconnects, releaseNetworks, releaseVolumes } from './released.ts'
import { scaleServices } from './scale.ts'
import { planStarts } from './starts.ts'
import { findReplacedVolumes, planVolumes } from './volumes.ts'

export interface UpPlan {
  readonly plan: Plan
  /** All containers of the selected services as they are to be, dependencies first. */
  readonly desired: readonly DesiredContainer[]
}

export function planUp(input: UpInput): UpPlan {
  checkContents(
    input.project,
    selectServices(input.project, input.options).wanted.map(({ service }) => service),
  )
  const state = createState(input)
  planOrphans(state)
  const freedNetworks = releaseNetworks(state)
  const freedVolumes = releaseVolumes(state)
  planNetworks(state, freedNetworks)
  planVolumes(state, freedVolumes)
  warnAboutWishes(state)
  planCreates(state)
  planReplacements(state)
  planReconnects(state)
  planStarts(state)
  const desired = [...state.desired.values()].flat()
  const unchanged = desired.filter((container) => isUntouched(state, container)).map(({ name }) => name)
  return { plan: state.builder.build(unchanged), desired }
}

function createState(input: UpInput): UpState {
  const selection = selectServices(input.project, input.options)
  const replacedVolumes = findReplacedVolumes(input, selection)
  return {
    input,
    selection,
    builder: createPlanBuilder(),
    ...scaleServices(input, selection, replacedVolumes),
    networkReady: new Map(),
    volumeReady: new Map(),
    replacedNetworks: findReplacedNetworks(input, selection),
    replacedVolumes,
    stopped: new Map(),
    removed: new Map(),
    prepared: new Map(),
    created: new Map(),
    started: new Map(),
  }
}

/** What was asked for and cannot be had. */
function warnAboutWishes({ input, selection, builder }: UpState): void {
  for (const { service } of selection.wanted) {
    for (const warning of fileWarnings(input.project, service)) builder.warn(warning)
  }
}

function isUntouched(state: UpState, { existing, createCause }: DesiredContainer): boolean {
  return existing !== undefined && createCause === undefined && staysUp(existing) && !state.stopped.has(existing.id)
}
