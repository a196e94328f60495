/**
 * All files that one source of COPY or ADD takes, in the order in which they are copied: the one list that both the key and
 * the copy go by. Filters see paths below the source, as with BuildKit. PURE but for the tree.
 * Source: Dockerfile reference, COPY --parents and --exclude; moby/patternmatcher.
 */
import { setImmediate } from 'node:timers/promises'
import { createPathPatterns, type PathPatterns } from '../ignore/ignore.ts'
import { matchPath } from '../ignore/match.ts'
import { hasWildcards, matchSources } from './glob.ts'
import { bytesOf, cleanPath, shownPath, textOf } from './paths.ts'
import type { Tree, TreeEntry } from './tree.ts'
import { CanceledError, NotFoundError } from '../../../errors.ts'
import type { ByteString } from '../../../host/at.ts'
import { joinPath } from '../../layers/entry-path.ts'
import { MAX_TURN_MS } from '../../layers/feed.ts'

export interface SelectedFile {
  /** Below the source; "" is the source itself. */
  readonly path: ByteString
  readonly entry: TreeEntry
  /** A folder that is there only because something below it was named (--parents): where it exists it stays as it is. */
  readonly isImplied: boolean
}

export interface Selected {
  /** What the copy is called when the destination is a folder. */
  readonly name: ByteString
  /** The source itself first; parents before what is in them. */
  readonly files: readonly SelectedFile[]
}

export interface SelectionWish {
  /** CopySource's; with `parents` it may hold a pivot, "a/./b". */
  readonly pattern: string
  readonly parents: boolean
  readonly excludes: readonly string[]
}

interface Wanted {
  readonly includes: { readonly pattern: string; readonly patterns: PathPatterns } | undefined
  readonly excludes: PathPatterns | undefined
}

/** Something at or below the folder can match. */
function mayLeadTo(pattern: string, folder: string): boolean {
  const wanted = pattern.split('/')
  for (const [index, part] of folder.split('/').entries()) {
    const next = wanted[index]
    if (next === undefined || next === '**' || next.includes('[')) return true
    if (!matchPath(next, part)) return false
  }
  return true
}

async function collect(
  tree: Tree,
  source: TreeEntry,
  { includes, excludes }: Wanted,
  takeTurn: () => Promise<void>,
): Promise<SelectedFile[]> {
  const files: SelectedFile[] = [{ path: '', entry: source, isImplied: false }]
  /** Folders on the way that are not in `files` yet, outermost first. */
  const waiting: SelectedFile[] = []

  /** Whether it is taken, and whether what is in it may be. */
  function judge({ file }: TreeEntry, path: ByteString): { readonly isIn: boolean; readonly isOpen: boolean } {
    const isFolder = file.kind === 'folder'
    if (excludes === undefined && includes === undefined) return { isIn: true, isOpen: isFolder }
    const text = textOf(path)
    const isOut = excludes?.matches(text) === true
    const isIncluded = includes === undefined || includes.patterns.matches(text)
    const isOpen =
      isFolder && (!isOut || excludes.hasExceptionBelow(text)) && (isIncluded || mayLeadTo(includes.pattern, text))
    return { isIn: isIncluded && !isOut, isOpen }
  }

  async function enter(folder: TreeEntry, below: ByteString): Promise<void> {
    await takeTurn()
    for (const entry of tree.children(folder.path)) {
      const path = joinPath(below, entry.name)
      const { isIn, isOpen } = judge(entry, path)
      if (isIn) files.push(...waiting.splice(0), { path, entry, isImplied: false })
      if (!isOpen) continue
      const implied = isIn ? undefined : { path, entry, isImplied: true }
      if (implied !== undefined) waiting.push(implied)
      await enter(entry, path)
      if (implied !== undefined && waiting.at(-1) === implied) waiting.pop()
    }
  }

  if (source.file.kind === 'folder') await enter(source, '')
  return files
}

function notFound(tree: Tree, path: ByteString): NotFoundError {
  return new NotFoundError(`"${shownPath(path)}": not found`, {
    code: 'COPY_SOURCE_MISSING',
    ...(tree.isLeftOut(path) ? { hint: 'it is there, but .dockerignore leaves it out' } : {}),
  })
}

/** "a/./b" of --parents: b with its folders below what a names. */
function splitPivot(pattern: string): { readonly source: string; readonly below: string } {
  const at = pattern.indexOf('/./')
  if (at === -1) return { source: '', below: cleanPath(pattern) }
  return { source: cleanPath(pattern.slice(0, at)), below: cleanPath(pattern.slice(at + 3)) }
}

/** Of the engine's time: others get their turn. Throws CanceledError. */
export function createTurns(signal: AbortSignal | undefined): () => Promise<void> {
  let turnStart = performance.now()
  return async () => {
    if (signal?.aborted === true) throw new CanceledError('the build was canceled')
    if (performance.now() - turnStart < MAX_TURN_MS) return
    await setImmediate()
    turnStart = performance.now()
  }
}

/**
 * Empty where wildcards match nothing. Throws NotFoundError (COPY_SOURCE_MISSING), CONTEXT_CHANGED, CanceledError,
 * KernelError.
 */
export async function selectFiles(
  tree: Tree,
  { pattern, parents, excludes }: SelectionWish,
  signal?: AbortSignal,
): Promise<Selected[]> {
  const { source, below } = parents ? splitPivot(pattern) : { source: cleanPath(pattern), below: '' }
  const wanted: Wanted = {
    includes: below === '' ? undefined : { pattern: below, patterns: createPathPatterns([below]) },
    excludes: excludes.length === 0 ? undefined : createPathPatterns(excludes),
  }
  const takeTurn = createTurns(signal)
  const selected: Selected[] = []
  for (const { name, path, entry } of matchSources(tree, source)) {
    if (entry === undefined) throw notFound(tree, path)
    // the reference has it so; BuildKit forgets the rules for files that are named themselves (its issue 5489)
    const isExcluded = entry.file.kind !== 'folder' && wanted.excludes?.matches(textOf(name)) === true
    if (!isExcluded) selected.push({ name, files: await collect(tree, entry, wanted, takeTurn) })
  }
  const isPlain = below !== '' && !hasWildcards(source) && !hasWildcards(below)
  if (isPlain && selected.every(({ files }) => files.length <= 1))
    throw notFound(tree, bytesOf(joinPath(source, below)))
  return selected
}

/** The first of the files that is not what it was when it was selected; undefined: all are. Throws CanceledError. */
export async function findChanged(
  tree: Tree,
  selected: readonly Selected[],
  signal?: AbortSignal,
): Promise<ByteString | undefined> {
  const takeTurn = createTurns(signal)
  for (const { files } of selected)
    for (const { entry } of files) {
      if (!tree.isUnchanged(entry)) return entry.path
      if (entry.file.kind === 'folder') await takeTurn()
    }
  return undefined
}
