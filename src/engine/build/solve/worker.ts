/**
 * Does what steps say: a snapshot over the state below, files or a command into it, and what changed as a staged layer. What
 * steps read is found here: contexts in place, states and images mounted read-only; checksums of states are kept, as layers
 * never change.
 */
import type { BuildRequest } from '../../../api/types/build.ts'
import { findBuildChecksum, saveBuildChecksum } from '../../../state/builds.ts'
import type { StagedLayer } from '../../layers/store.ts'
import { checksumKey, inputsOf, isIndependent, type Input, type Reading } from '../cache/keys.ts'
import { checksumOfCopy, copyInto, makeWorkingFolder, type CopyWork, type TreeOf } from '../files/copy.ts'
import type { Remotes } from '../context/remotes.ts'
import { shownPath } from '../files/paths.ts'
import { findChanged, selectFiles } from '../files/selection.ts'
import { openTree, type Tree } from '../files/tree.ts'
import type { CopySource, Origin } from '../plan.ts'
import type { MountOrigin } from '../run/bind-source.ts'
import { entitlementsOf } from '../run/entitlements.ts'
import { runStep } from '../run/run.ts'
import type { RunContext, RunWork } from '../run/step.ts'
import { openSnapshot, type Snapshot } from '../snapshot/snapshot.ts'
import type { Contexts } from './contexts.ts'
import type { MountedStates } from './mounted-states.ts'
import type { StateOf, StepRequest, StepWorker } from './solve.ts'
import { CommandFailedError } from './step-error.ts'

export interface WorkerContext {
  readonly run: RunContext
  readonly request: BuildRequest
  readonly contexts: Contexts
  readonly states: MountedStates
  readonly remotes: Remotes
  readonly warn: (message: string) => void
}

/** The stack that an origin is; undefined for a context. */
function layersOfOrigin(origin: Origin, stateOf: StateOf): readonly string[] | undefined {
  switch (origin.kind) {
    case 'state':
      return stateOf(origin.operation).chainIds
    case 'image':
      return origin.image.chainIds
    case 'context':
      return undefined
    default:
      return origin satisfies never
  }
}

/** What copying one source would be: for its checksum. */
function copyOf(source: CopySource, { parents, excludes }: Pick<Reading, 'parents' | 'excludes'>): CopyWork {
  return {
    kind: 'copy',
    sources: [source],
    destination: '/',
    chown: undefined,
    chmod: undefined,
    parents,
    excludes,
    link: false,
    unpacksArchives: false,
    epochSeconds: undefined,
  }
}

/** All of a state without a filter: its name says what is in it. */
function isWhole({ pattern, parents, excludes }: Reading): boolean {
  return pattern === '' && !parents && excludes.length === 0
}

interface Trees extends Disposable {
  of(stateOf: StateOf): TreeOf
}

/** States and images as trees, each opened once. */
function createTrees({ run, contexts, states }: WorkerContext): Trees {
  const opened = new Map<string, Promise<Tree>>()
  const close = new DisposableStack()
  async function open(chainIds: readonly string[]): Promise<Tree> {
    const tree = openTree(run.host, await states.open(chainIds), { threads: run.unpacker })
    close.defer(() => tree.close())
    return tree
  }
  return {
    of: (stateOf) => async (origin) => {
      if (origin.kind === 'context') return await contexts.tree(origin)
      const chainIds = layersOfOrigin(origin, stateOf) ?? []
      const key = chainIds.at(-1) ?? ''
      const tree = opened.get(key) ?? open(chainIds)
      opened.set(key, tree)
      return await tree
    },
    [Symbol.dispose]: () => close.dispose(),
  }
}

async function contentOf(
  context: WorkerContext,
  trees: Trees,
  input: Input,
  stateOf: StateOf,
  signal: AbortSignal,
): Promise<string> {
  const treeOf = trees.of(stateOf)
  if (input.kind === 'remote')
    return await checksumOfCopy(copyOf(input.source, { parents: false, excludes: [] }), treeOf, {
      signal,
      remotes: context.remotes,
    })
  const { reading } = input
  const work = copyOf({ kind: 'path', from: reading.from, pattern: reading.pattern }, reading)
  const { from } = reading
  if (from.kind === 'context')
    return await context.contexts.reading(from, () => checksumOfCopy(work, treeOf, { signal }))
  const top = layersOfOrigin(from, stateOf)?.at(-1) ?? ''
  if (isWhole(reading)) return top
  const { state } = context.run
  const key = checksumKey(top, reading)
  const known = findBuildChecksum(state, key)
  if (known !== undefined) return known
  const checksum = await checksumOfCopy(work, treeOf, { signal })
  saveBuildChecksum(state, key, top, checksum)
  return checksum
}

async function mountOrigin({ contexts, states }: WorkerContext, from: Origin, stateOf: StateOf): Promise<MountOrigin> {
  if (from.kind === 'context') return await contexts.mountOrigin(from)
  const chainIds = layersOfOrigin(from, stateOf) ?? []
  return { folder: await states.open(chainIds), kind: 'state', identity: chainIds.at(-1) ?? '' }
}

async function runCommand(context: WorkerContext, step: StepRequest, work: RunWork, snapshot: Snapshot): Promise<void> {
  const { request, run } = context
  const origins = new Map<number, MountOrigin>()
  for (const [index, mount] of work.mounts.entries())
    if ((mount.kind === 'bind' || mount.kind === 'cache') && mount.from !== undefined)
      origins.set(index, await mountOrigin(context, mount.from, step.stateOf))
  const isNamedNetwork = !['default', 'none', 'host', '', undefined].includes(request.network)
  const { exitCode } = await runStep(
    run,
    {
      snapshot,
      work,
      origins,
      secrets: new Map((request.secrets ?? []).map(({ id, valueBase64 }) => [id, Buffer.from(valueBase64, 'base64')])),
      ssh: new Map((request.ssh ?? []).map(({ id, socketPath }) => [id, socketPath])),
      entitlements: entitlementsOf(request),
      network: isNamedNetwork ? request.network : undefined,
      cgroupParent: request.cgroupParent,
      memoryBytes: request.memoryBytes,
    },
    (stream, data) => step.output({ stream, data }),
    step.signal,
  )
  if (exitCode !== 0) throw new CommandFailedError(work.argv, exitCode)
}

/** One warning a step, however many files were changed. */
function changeTeller({ operation, spoil }: StepRequest, warn: (message: string) => void): (path: string) => void {
  let isTold = false
  return (path) => {
    spoil()
    if (!isTold) warn(`${operation.name}: ${path} was changed while it was read, so this step is not kept in the cache`)
    isTold = true
  }
}

/** A command reads the files of a context themselves: what it made may be of others than those that its key was made of. */
async function spoilIfChanged(
  trees: Trees,
  step: StepRequest,
  work: RunWork,
  tell: (path: string) => void,
): Promise<void> {
  const treeOf = trees.of(step.stateOf)
  for (const input of inputsOf(work)) {
    if (input.kind !== 'files' || input.reading.from.kind !== 'context') continue
    const tree = await treeOf(input.reading.from)
    const changed = await findChanged(tree, await selectFiles(tree, input.reading, step.signal), step.signal)
    if (changed !== undefined) tell(shownPath(changed))
  }
}

async function perform(context: WorkerContext, trees: Trees, step: StepRequest): Promise<StagedLayer> {
  const { run, warn, remotes } = context
  const { operation, chainIds, stateOf, signal } = step
  const { work } = operation
  // what does not look at what is below cannot be led astray by it, and is the same layer wherever it is put
  await using snapshot = await openSnapshot(run, work.kind === 'copy' && work.link ? [] : chainIds)
  switch (work.kind) {
    case 'run':
      await runCommand(context, step, work, snapshot)
      await spoilIfChanged(trees, step, work, changeTeller(step, warn))
      break
    case 'copy':
      await copyInto(run, snapshot.root, work, trees.of(stateOf), {
        signal,
        warn,
        remotes,
        onChanged: changeTeller(step, warn),
        // names of owners are those of the state below, also for a layer that does not stand on it
        ...(work.link && !isIndependent(work) ? { users: await context.states.open(chainIds) } : {}),
      })
      break
    case 'mkdir':
      await makeWorkingFolder(run, snapshot.root, work, { signal, warn })
      break
    case 'scratch':
    case 'image':
      throw new Error(`${work.kind} is no step`)
    default:
      work satisfies never
  }
  return await snapshot.commit({ epochSeconds: work.epochSeconds, signal })
}

/** For one build. Dispose of it when no step runs any more. */
export function createStepWorker(context: WorkerContext): StepWorker & Disposable {
  const trees = createTrees(context)
  return {
    contentOf: (input, stateOf, signal) => contentOf(context, trees, input, stateOf, signal),
    perform: (step) => perform(context, trees, step),
    [Symbol.dispose]: () => trees[Symbol.dispose](),
  }
}
