/**
 * Two folders for a test of COPY, a source and a target, made from short descriptions and read back in the same form, and a
 * CopyWork with all that is not said left at its default.
 */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import {
  copyInto,
  checksumOfCopy,
  type CopyBase,
  type CopyOptions,
  type CopyWork,
} from '../../src/engine/build/files/copy.ts'
import { openTree, type TreeOptions } from '../../src/engine/build/files/tree.ts'
import { engineConfig } from '../../src/engine/config.ts'
import type { CopySource, Origin } from '../../src/engine/build/plan.ts'
import { createNodeHost } from '../../src/host/node-host.ts'
import type { Host } from '../../src/host/host.ts'

/** Path -> text of a file, "-> target" of a link, undefined: a folder; "fifo"... are made by the test itself. */
export type Files = Readonly<
  Record<
    string,
    string | { readonly text?: string; readonly mode?: number; readonly uid?: number; readonly gid?: number }
  >
>

export const CONTEXT: Origin = { kind: 'context', name: 'context', source: { kind: 'directory', path: '/' } }

export interface CopyCase {
  /** Runs at the end of the test, before the folders go. */
  readonly beforeEnd: (work: () => Promise<void>) => void
  readonly base: CopyBase
  readonly host: Host
  readonly source: string
  readonly target: string
  readonly checksum: (
    work: Partial<CopyWork> | readonly string[],
    options?: TreeOptions & CopyOptions,
  ) => Promise<string>
  readonly copy: (work: Partial<CopyWork> | readonly string[], options?: TreeOptions & CopyOptions) => Promise<void>
  /** Sorted: path -> "644 0:0 text", "-> target", "755 0:0 /". Without the root. */
  readonly listing: (folder?: string) => Record<string, string>
}

export function makeFiles(folder: string, files: Files): void {
  for (const [name, what] of Object.entries(files)) {
    const path = join(folder, name)
    fs.mkdirSync(dirname(path), { recursive: true })
    const { text, mode, uid = 0, gid = 0 } = typeof what === 'string' ? { text: what } : what
    if (text?.startsWith('-> ') === true) fs.symlinkSync(text.slice(3), path)
    else if (name.endsWith('/')) fs.mkdirSync(path, { recursive: true })
    else fs.writeFileSync(path, text ?? '')
    if (mode !== undefined) fs.chmodSync(path, mode)
    if (uid !== 0 || gid !== 0) fs.lchownSync(path, uid, gid)
  }
}

function describe(path: string): string {
  const stat = fs.lstatSync(path)
  const head = `${(stat.mode & 0o7777).toString(8)} ${stat.uid}:${stat.gid}`
  if (stat.isSymbolicLink()) return `-> ${fs.readlinkSync(path)}`
  if (stat.isDirectory()) return `${head} /`
  if (stat.isFile()) return `${head} ${fs.readFileSync(path, 'utf8')}`
  return `${head} ${stat.isFIFO() ? 'fifo' : stat.isSocket() ? 'socket' : stat.isCharacterDevice() ? 'character' : 'block'}`
}

export function listingOf(folder: string): Record<string, string> {
  const found: [string, string][] = []
  const walk = (below: string): void => {
    for (const entry of fs.readdirSync(join(folder, below), { withFileTypes: true })) {
      const name = join(below, entry.name)
      found.push([name, describe(join(folder, name))])
      if (entry.isDirectory()) walk(name)
    }
  }
  walk('')
  return Object.fromEntries(found.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

export function copyWork(work: Partial<CopyWork> | readonly string[]): CopyWork {
  const paths = (list: readonly string[]): CopySource[] =>
    list.map((pattern) => ({ kind: 'path', from: CONTEXT, pattern }))
  const partial: Partial<CopyWork> = Array.isArray(work)
    ? { sources: paths(work.slice(0, -1)), destination: work.at(-1) as string }
    : (work as Partial<CopyWork>)
  return {
    kind: 'copy',
    sources: [],
    destination: '/',
    chown: undefined,
    chmod: undefined,
    parents: false,
    excludes: [],
    link: false,
    unpacksArchives: false,
    epochSeconds: undefined,
    ...partial,
  }
}

/** The words of a COPY as sources of the context. */
export function fromContext(...patterns: readonly string[]): Pick<CopyWork, 'sources'> {
  return { sources: patterns.map((pattern) => ({ kind: 'path', from: CONTEXT, pattern })) }
}

export function copyCase(t: Pick<TestContext, 'after'>, files: Files, target: Files = {}): CopyCase {
  const folder = fs.mkdtempSync(join(tmpdir(), 'mycompose-copy-'))
  const last: (() => Promise<void>)[] = []
  t.after(async () => {
    for (const work of last) await work()
    fs.rmSync(folder, { recursive: true, force: true })
  })
  const [from, to] = [join(folder, 'source'), join(folder, 'target')]
  fs.mkdirSync(from)
  fs.mkdirSync(to)
  makeFiles(from, files)
  makeFiles(to, target)
  const host = createNodeHost()
  const base = { host, config: engineConfig(join(folder, 'root'), 'test') }
  fs.mkdirSync(base.config.paths.temporary, { recursive: true })

  async function withTree<T>(
    options: TreeOptions,
    use: (treeOf: () => Promise<ReturnType<typeof openTree>>) => Promise<T>,
  ): Promise<T> {
    const tree = openTree(host, from, { owner: { uid: 0, gid: 0 }, ...options })
    try {
      return await use(() => Promise.resolve(tree))
    } finally {
      tree.close()
    }
  }

  return {
    beforeEnd: (work) => void last.push(work),
    base,
    host,
    source: from,
    target: to,
    checksum: (work, options = {}) => withTree(options, (treeOf) => checksumOfCopy(copyWork(work), treeOf, options)),
    copy: (work, options = {}) => withTree(options, (treeOf) => copyInto(base, to, copyWork(work), treeOf, options)),
    listing: (where = to) => listingOf(where),
  }
}
