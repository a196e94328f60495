/**
 * Which files of a tree a source of COPY names: wildcards part by part as Go's filepath.Match has them, in the order of
 * names. What stands before the first wildcard is followed through links; below it links are not entered. PURE but for the
 * tree. Source: BuildKit's fsutil copy, ResolveWildcards.
 */
import { compilePath } from '../ignore/match.ts'
import { bytesOf, splitLast, textOf } from './paths.ts'
import type { Tree, TreeEntry } from './tree.ts'
import type { ByteString } from '../../../host/at.ts'
import { joinPath } from '../../layers/entry-path.ts'

export function hasWildcards(pattern: string): boolean {
  for (let index = 0; index < pattern.length; index += 1) {
    const character = pattern[index]
    if (character === '\\') index += 1
    else if (character === '*' || character === '?' || character === '[') return true
  }
  return false
}

/** What one source names. */
export interface GlobMatch {
  /** The last part of the path as it was found: what the copy is called in a folder. "" for the root. */
  readonly name: ByteString
  /** As it was written or found. */
  readonly path: ByteString
  /** Links followed; undefined: nothing is there. */
  readonly entry: TreeEntry | undefined
}

function splitAtWildcard(pattern: string): { readonly plain: string; readonly wild: readonly string[] } {
  const parts = pattern.split('/').filter((part) => part !== '')
  const first = parts.findIndex((part) => hasWildcards(part))
  if (first === -1) return { plain: parts.join('/'), wild: [] }
  return { plain: parts.slice(0, first).join('/'), wild: parts.slice(first) }
}

/** Entries below `base` whose path from there matches; a folder that matches is not searched. */
function search(tree: Tree, base: ByteString, wild: readonly string[]): TreeEntry[] {
  const pattern = wild.join('/')
  // a class like [^a] takes a "/" too: then no depth can be left out
  const isExact = !pattern.includes('[')
  const matches: TreeEntry[] = []
  const isMatch = compilePath(pattern)
  const isPart = isExact ? wild.map((part) => compilePath(part)) : []

  function walk(folder: ByteString, inside: ByteString, depth: number): void {
    for (const child of tree.children(folder)) {
      const path = joinPath(inside, child.name)
      const mayMatch = !isExact || depth === wild.length - 1
      const mayLead = !isExact || (depth < wild.length - 1 && isPart[depth]?.(textOf(child.name)) === true)
      if (mayMatch && isMatch(textOf(path))) matches.push(child)
      else if (mayLead && child.file.kind === 'folder') walk(child.path, path, depth + 1)
    }
  }

  walk(base, '', 0)
  return matches
}

/** Empty: wildcards that match nothing. */
export function matchSources(tree: Tree, pattern: string): GlobMatch[] {
  const { plain, wild } = splitAtWildcard(pattern)
  if (wild.length === 0) {
    const path = bytesOf(plain)
    return [{ name: splitLast(path).name, path, entry: tree.entry(tree.follow(path)) }]
  }
  const base = tree.follow(bytesOf(plain))
  return search(tree, base, wild).map(({ name, path }) => ({ name, path, entry: tree.entry(tree.follow(path)) }))
}
