/**
 * Runs a plan: every operation as soon as its inputs are there, independent ones side by side, what the cache knows not at
 * all, and what another build runs just now not again. The first failure ends the others; what was finished stays in the cache.
 */
import type { EngineBase } from '../../context.ts'
import { CanceledError } from '../../../errors.ts'
import { findBuildRecord, type BuildRecord } from '../../../state/builds.ts'
import { findLayer, type LayerRecord } from '../../../state/layers.ts'
import type { LayerHold } from '../../layers/holds.ts'
import { inputsOf, isIndependent, operationKey, type Input } from '../cache/keys.ts'
import { findStep, recordStep } from '../cache/records.ts'
import { digestOf } from '../../layers/chain.ts'
import { linkLayer } from '../../layers/link-layer.ts'
import { commitLayers, discardLayer, type StagedLayer } from '../../layers/store.ts'
import type { Operation, OperationId, Plan } from '../plan.ts'
import type { Flights } from './flights.ts'
import { endingOf, type OutputChunk, type Progress } from './progress.ts'
import type { Slots } from './slots.ts'
import { StepError } from './step-error.ts'

/** What an operation has left. */
export interface State {
  /** Lowest first. */
  readonly chainIds: readonly string[]
  /** The operation itself made the uppermost of them. */
  readonly hasLayer: boolean
  /** RFC 3339, of the step's run; undefined for what is below all steps. */
  readonly created: string | undefined
  /** Of its record; undefined for what is below all steps. */
  readonly key: string | undefined
}

export type StateOf = (operation: OperationId) => State

export interface StepRequest {
  readonly operation: Operation
  /** The state below. */
  readonly chainIds: readonly string[]
  readonly stateOf: StateOf
  readonly output: (chunk: OutputChunk) => void
  /** The result is not what the key says (a context that changed meanwhile): no other build will find it. */
  readonly spoil: () => void
  readonly signal: AbortSignal
}

/** Does what steps say: solve/worker.ts. */
export interface StepWorker {
  /** Names the content of an input, whatever it is called and when it was changed. */
  contentOf(input: Input, stateOf: StateOf, signal: AbortSignal): Promise<string>
  /** The layer, staged, also an empty one; undefined: there is none. */
  perform(step: StepRequest): Promise<StagedLayer | undefined>
}

/** What a cache elsewhere has for a step. */
export interface FoundStep {
  readonly created: string | undefined
  bring(chainIds: readonly string[], signal: AbortSignal): Promise<StagedLayer | undefined>
}

/** The caches of `cache_from`, asked for what is not here: exchange/. */
export interface SharedCaches {
  find(key: string, below: string | undefined): Promise<FoundStep | undefined>
}

/** A record, and whether its layer was made for it just now. */
export interface MadeRecord extends BuildRecord {
  /** It came from elsewhere, or was there on another state. */
  readonly isFound: boolean
}

export type StepFlights = Flights<MadeRecord, OutputChunk>

export interface SolveContext {
  readonly base: EngineBase
  readonly worker: StepWorker
  readonly shared: SharedCaches
  /** Of all builds of this engine. */
  readonly flights: StepFlights
  readonly slots: Slots
  readonly hold: LayerHold
  readonly progress: Progress
  /** Steps that this build has begun: they may go on for another one when it has ended. */
  readonly begun: Set<Promise<unknown>>
  /** Layers that the cache named before a step was run anew: nothing may need them any more. */
  readonly replaced: Set<string>
}

export interface Solution {
  readonly stateOf: StateOf
  /** Keys of records that were used and not made, for cache/records.ts. */
  readonly usedKeys: readonly string[]
}

/** The step's id in messages. */
export function stepId(operation: Pick<Operation, 'id'>): string {
  return `step-${operation.id}`
}

/** Operations whose states are read besides the one below. */
function readStates(operation: Operation): readonly OperationId[] {
  return inputsOf(operation.work).flatMap((input) =>
    input.kind === 'files' && input.reading.from.kind === 'state' ? [input.reading.from.operation] : [],
  )
}

function neededBy(operation: Operation): readonly OperationId[] {
  const below = operation.base === undefined ? [] : [operation.base]
  return [...new Set([...below, ...readStates(operation)])]
}

/** What the cache has for the step on that state; of `COPY --link` the same key may stand on another one. */
function knownStep(
  base: EngineBase,
  key: string,
  operation: Operation,
  top: string | undefined,
): BuildRecord | undefined {
  const known = operation.ignoresCache ? undefined : findStep(base, key)
  return known === undefined || (known.layer !== undefined && known.below !== top) ? undefined : known
}

/** The layer that `COPY --link` has left on another state, to stand on this one. */
async function moveLayer(
  { base, hold }: SolveContext,
  key: string,
  { operation, signal }: Pick<StepRequest, 'operation' | 'signal'>,
): Promise<FoundStep | undefined> {
  const known = operation.ignoresCache || !isIndependent(operation.work) ? undefined : findStep(base, key)
  const layer = known?.layer === undefined ? undefined : findLayer(base.state, known.layer)
  if (known === undefined || layer === undefined) return undefined
  hold.add([layer.chainId])
  const staged = await linkLayer(base, layer, signal)
  return staged === undefined ? undefined : { created: known.created, bring: () => Promise.resolve(staged) }
}

/** Runs the step, or fetches what another machine has left of it, and brings its layer into the store under `key`. */
async function runStep(
  context: SolveContext,
  key: string,
  step: Omit<StepRequest, 'spoil'>,
  fetched: FoundStep | undefined,
): Promise<MadeRecord> {
  const { base, worker, slots, replaced } = context
  return await slots.run(async () => {
    // another build may have come to its end since it was looked for
    const known = knownStep(base, key, step.operation, step.chainIds.at(-1))
    if (known !== undefined) return { ...known, isFound: true }
    const found = fetched ?? (await moveLayer(context, key, step))
    const isFound = found !== undefined
    const before = findBuildRecord(base.state, key)?.layer
    if (before !== undefined) replaced.add(before)
    let ownKey = key
    const spoil = (): void => void (ownKey = digestOf(`${key} spoiled ${base.host.randomHex(16)}`))
    const staged = await (found === undefined
      ? worker.perform({ ...step, spoil })
      : found.bring(step.chainIds, step.signal))
    const [description, below] = [step.operation.name, step.chainIds.at(-1)]
    const about = { key: ownKey, description, below, created: found?.created }
    if (staged === undefined)
      return { ...base.state.transaction(() => recordStep(base, { ...about, layer: undefined })), isFound }
    let record: BuildRecord | undefined
    try {
      const recorded = (layers: readonly LayerRecord[]): void => {
        record = recordStep(base, { ...about, layer: layers.at(-1) })
      }
      await commitLayers(base, step.chainIds, [staged], recorded, { isPending: true })
    } finally {
      await discardLayer(base, staged) // nothing is left of it when it went into the store
    }
    if (record === undefined) throw new Error('a layer was committed without its record')
    return { ...record, isFound }
  })
}

function stateAfter(chainIds: readonly string[], { layer, created, key }: BuildRecord): State {
  return layer === undefined
    ? { chainIds, hasLayer: false, created, key }
    : { chainIds: [...chainIds, layer], hasLayer: true, created, key }
}

/** Nothing that ran: what stages begin with. */
function stateOfBase(chainIds: readonly string[]): State {
  return { chainIds, hasLayer: false, created: undefined, key: undefined }
}

/** One build's way through a plan. */
interface Run {
  readonly context: SolveContext
  readonly stateOf: StateOf
  readonly usedKeys: string[]
  readonly signal: AbortSignal
}

/** A step that changes files: from the cache, from another build, or run. */
async function solveStep(run: Run, operation: Operation): Promise<State> {
  const { context, stateOf, usedKeys, signal } = run
  const { base, worker, progress, hold } = context
  const { work } = operation
  const id = stepId(operation)
  const { chainIds } = operation.base === undefined ? { chainIds: [] } : stateOf(operation.base)
  const contents = await Promise.all(inputsOf(work).map((input) => worker.contentOf(input, stateOf, signal)))
  const top = chainIds.at(-1)
  const key = operationKey(work, top, contents)
  const known = knownStep(base, key, operation, top)
  progress.started(id)
  if (known !== undefined) {
    if (known.layer !== undefined) hold.add([known.layer]) // at once: a prune may run just now
    usedKeys.push(key)
    progress.ended(id, { kind: 'done', cached: true })
    return stateAfter(chainIds, known)
  }
  const record = await makeStep(run, key, { operation, chainIds })
  progress.ended(id, { kind: 'done', cached: record.isFound })
  return stateAfter(chainIds, record)
}

/** Fetched, or run: what cannot be fetched after all is run. */
async function makeStep(
  run: Run,
  key: string,
  { operation, chainIds }: Pick<StepRequest, 'operation' | 'chainIds'>,
): Promise<MadeRecord> {
  const { context, stateOf, signal } = run
  const { base, flights, progress, shared, begun } = context
  const top = chainIds.at(-1)
  // a result that must be new is shared with nobody
  const flight = operation.ignoresCache ? `${key} ${base.host.randomHex(8)}` : `${key} ${top ?? ''}`
  const found = operation.ignoresCache ? undefined : await shared.find(key, top)
  const make = async (fetched: FoundStep | undefined): Promise<MadeRecord> => {
    return await flights.join(
      fetched === undefined ? flight : `fetch ${flight}`,
      (canceled, output) => {
        const step = { operation, chainIds, stateOf, output, signal: canceled }
        const running = runStep(context, key, step, fetched)
        begun.add(running)
        return running
      },
      { onEvent: (chunk) => progress.output(stepId(operation), chunk), signal },
    )
  }
  if (found === undefined) return await make(undefined)
  try {
    return await make(found)
  } catch (error) {
    if (signal.aborted) throw error
    const message = error instanceof Error ? error.message : String(error)
    progress.warn({ kind: 'warning', message: `cannot use the build cache for ${operation.name}: ${message}` })
    return await make(undefined)
  }
}

async function solveOperation(run: Run, operation: Operation): Promise<State> {
  const { progress } = run.context
  const { work } = operation
  if (run.signal.aborted) throw new CanceledError('the build was canceled', { cause: run.signal.reason })
  if (work.kind === 'scratch') return stateOfBase([])
  if (work.kind !== 'image') return await solveStep(run, operation)
  progress.started(stepId(operation))
  progress.ended(stepId(operation), { kind: 'done', cached: true })
  return stateOfBase(work.image.chainIds)
}

function announce({ progress }: SolveContext, operations: readonly Operation[]): void {
  for (const operation of operations) {
    if (operation.work.kind === 'scratch') continue
    const inputs = neededBy(operation)
      .filter((id) => operations[id]?.work.kind !== 'scratch')
      .map((id) => stepId({ id }))
    const { name, stage } = operation
    progress.announce({ id: stepId(operation), name, ...(stage === '' ? {} : { stage }), inputs })
  }
}

/**
 * Resolves when all is done. Throws the first StepError, after all that was under way has ended; CanceledError when `signal`
 * fires.
 */
export async function solvePlan(
  context: SolveContext,
  { operations }: Pick<Plan, 'operations'>,
  signal: AbortSignal,
): Promise<Solution> {
  const { progress, hold } = context
  const failed = new AbortController()
  const states = new Map<OperationId, State>()
  const results: Promise<void>[] = []
  const usedKeys: string[] = []
  const first: { error: StepError | undefined } = { error: undefined }
  function stateOf(id: OperationId): State {
    const state = states.get(id)
    if (state === undefined) throw new Error(`operation ${id} has no state yet`)
    return state
  }
  const run: Run = { context, stateOf, usedKeys, signal: AbortSignal.any([signal, failed.signal]) }

  async function solve(operation: Operation): Promise<void> {
    await Promise.all(neededBy(operation).flatMap((id) => results[id] ?? []))
    try {
      const state = await solveOperation(run, operation)
      hold.add(state.chainIds)
      states.set(operation.id, state)
    } catch (error) {
      progress.ended(stepId(operation), endingOf(error))
      first.error ??= new StepError(operation, error)
      failed.abort()
      throw error
    }
  }

  announce(context, operations)
  for (const operation of operations) {
    const result = solve(operation)
    result.catch(() => {}) // told below
    results.push(result)
  }
  await Promise.allSettled(results)
  if (signal.aborted) throw new CanceledError('the build was canceled', { cause: signal.reason })
  if (first.error !== undefined) throw first.error
  return { stateOf, usedKeys }
}
