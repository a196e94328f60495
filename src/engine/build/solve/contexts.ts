/**
 * The contexts of one build, each opened when it is first needed and read in place: the main one, which the Dockerfile comes
 * from, and the named ones. Reading is told as the step "[internal] load build context".
 */
import type { BuildSource } from '../../../api/types/build.ts'
import type { EngineBase } from '../../context.ts'
import { digestOf } from '../../layers/chain.ts'
import { joinPath } from '../../layers/entry-path.ts'
import type { ByteString } from '../../../host/at.ts'
import { openSource, type OpenSource, type OpenSourceOptions } from '../context/source.ts'
import type { Tree } from '../files/tree.ts'
import type { Origin } from '../plan.ts'
import type { MountOrigin } from '../run/bind-source.ts'
import { endingOf, type Progress } from './progress.ts'

export type ContextOrigin = Extract<Origin, { readonly kind: 'context' }>

export interface Contexts extends AsyncDisposable {
  open(origin: Omit<ContextOrigin, 'kind'>): Promise<OpenSource>
  tree(origin: ContextOrigin): Promise<Tree>
  /** For mounts of RUN: the folder itself, with what is to be hidden in it. */
  mountOrigin(origin: ContextOrigin): Promise<MountOrigin>
  /** Runs work that reads from it, as a step of the build. */
  reading<T>(origin: ContextOrigin, work: () => Promise<T>): Promise<T>
}

export interface ContextsRequest {
  readonly base: EngineBase
  readonly progress: Progress
  readonly options: Omit<OpenSourceOptions, 'dockerfile'>
  /** Of the main context: its own .dockerignore may lie beside it. */
  readonly dockerfile: string | undefined
}

/** Paths that the filter of a tree leaves out, topmost ones only. */
function hiddenPaths({ host: { at } }: Pick<EngineBase, 'host'>, tree: Tree): ByteString[] {
  const hidden: ByteString[] = []
  if (tree.isWhole) return hidden
  function walk(path: ByteString, folder: number): void {
    const children = new Map(tree.children(path).map((entry) => [entry.name, entry]))
    for (const name of at.names(folder)) {
      const entry = children.get(name)
      if (entry === undefined) hidden.push(joinPath(path, name))
      else if (entry.file.kind === 'folder') {
        const inside = at.openFolder(folder, name, 'no-links')
        try {
          walk(entry.path, inside)
        } finally {
          at.close(inside)
        }
      }
    }
  }
  walk('', tree.root)
  return hidden
}

interface Loading {
  readonly id: string
  users: number
  isOver: boolean
}

/** One step for all that is read from a context at first. */
function createLoading(progress: Progress): Contexts['reading'] {
  const loadings = new Map<string, Loading>()
  return async ({ name }, work) => {
    let loading = loadings.get(name)
    if (loading === undefined) {
      loading = { id: `context-${name}`, users: 0, isOver: false }
      loadings.set(name, loading)
      const shown = name === 'context' ? '[internal] load build context' : `[context ${name}] load from client`
      progress.announce({ id: loading.id, name: shown, inputs: [] })
      progress.started(loading.id)
    }
    loading.users += 1
    const settle = (error?: unknown): void => {
      loading.users -= 1
      if (loading.isOver || (loading.users > 0 && error === undefined)) return
      loading.isOver = true
      progress.ended(loading.id, error === undefined ? { kind: 'done', cached: false } : endingOf(error))
    }
    try {
      const result = await work()
      settle()
      return result
    } catch (error) {
      settle(error)
      throw error
    }
  }
}

function isMain(name: string): boolean {
  return name === 'context'
}

export function createContexts({ base, progress, options, dockerfile }: ContextsRequest): Contexts {
  const opened = new Map<string, Promise<OpenSource>>()
  const close = new AsyncDisposableStack()

  async function openOne(name: string, source: BuildSource): Promise<OpenSource> {
    const own = isMain(name) && dockerfile !== undefined ? { dockerfile } : {}
    const open = await openSource(base, source, { ...options, ...own })
    close.defer(() => open.close())
    return open
  }

  const open: Contexts['open'] = ({ name, source }) => {
    const known = opened.get(name) ?? openOne(name, source)
    opened.set(name, known)
    return known
  }

  return {
    open,
    tree: async (origin) => (await open(origin)).tree,
    async mountOrigin(origin) {
      const { path, tree } = await open(origin)
      const identity = digestOf(JSON.stringify(origin.source))
      return { folder: path, kind: 'host', identity, hidden: hiddenPaths(base, tree) }
    },
    reading: createLoading(progress),
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(opened.values())
      await close.disposeAsync()
    },
  }
}
