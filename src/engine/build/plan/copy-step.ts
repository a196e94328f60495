/**
 * COPY and ADD: words expanded, sources told apart (paths, heredocs, URLs, git), and what history says of them. PURE but for
 * finding out what `--from` names. Source: Dockerfile reference, COPY and ADD.
 */
import type { SourceRange } from '../../../api/types/build.ts'
import { parseGitAddress } from '../context/git-url.ts'
import type { CopyInstruction, Word } from '../dockerfile/ast.ts'
import { parseModeChange } from '../dockerfile/mode.ts'
import type { CopySource, ModeChange, Origin, Work } from '../plan.ts'
import type { Expander } from './expander.ts'
import { destinationPath, sourcePath } from './paths.ts'
import type { StageState } from './stage-state.ts'

type CopyWork = Extract<Work, { readonly kind: 'copy' }>

export interface CopyContext {
  readonly expander: Expander
  readonly epochSeconds: number | undefined
  /** Of the main context; undefined: `--from` is absent. */
  readonly originOf: (from: Word | undefined, range: SourceRange) => Promise<Origin>
}

const HTTP = /^https?:\/\//

/** A path that looks like one ("github.com/a/b") is a path. */
function isGit(url: string): boolean {
  return parseGitAddress(url) !== undefined
}

function remoteSource(url: string, instruction: CopyInstruction, checksum: string | undefined): CopySource | undefined {
  if (isGit(url)) return { kind: 'git', url, checksum, keepGitDir: instruction.keepGitDir ?? false }
  if (HTTP.test(url)) return { kind: 'http', url, checksum, unpack: instruction.unpack ?? false }
  return undefined
}

/** `a/./b` of --parents keeps its pivot. */
function patternOf(path: string, hasPivot: boolean): string {
  const pivot = hasPivot ? path.indexOf('/./') : -1
  if (pivot === -1) return sourcePath(path)
  return `${sourcePath(path.slice(0, pivot))}/./${sourcePath(path.slice(pivot + 3))}`
}

function modeOf(chmod: Word | undefined, text: string, expander: Expander): ModeChange | undefined {
  if (chmod === undefined || text === '') return undefined
  return parseModeChange(text, expander.place(chmod.range))
}

/** `--checksum` is of one source that comes over the network. */
function checkChecksum({ checksum }: CopyInstruction, paths: readonly string[], expander: Expander): void {
  if (checksum === undefined) return
  const isRemote = paths.length === 1 && paths.every((path) => HTTP.test(path) || isGit(path))
  if (isRemote) return
  const why = paths.length === 1 ? 'needs an HTTP(S) or git source' : 'goes with exactly one source'
  throw expander.error(checksum.range, 'DOCKERFILE_INVALID_VALUE', `--checksum ${why}`)
}

export interface PlannedCopy {
  readonly work: CopyWork
  /** "COPY --chown=web a b /c # buildkit" */
  readonly createdBy: string
}

/** Throws DockerfileError. */
export async function planCopy(
  state: StageState,
  instruction: CopyInstruction,
  { expander, epochSeconds, originOf }: CopyContext,
): Promise<PlannedCopy> {
  const { variables } = state
  const text = (word: Word | undefined): string => (word === undefined ? '' : expander.word(word, variables))
  const [chown, chmod] = [text(instruction.chown), text(instruction.chmod)]
  const checksum = instruction.checksum === undefined ? undefined : text(instruction.checksum)
  const destination = text(instruction.destination)
  const isAdd = instruction.kind === 'add'
  const paths: string[] = []
  const texts: string[] = []
  const sources: CopySource[] = []
  for (const source of instruction.sources) {
    if (source.kind === 'heredoc') {
      const { name } = source.heredoc
      texts.push(`<<${name}`)
      sources.push({ kind: 'text', name, content: expander.heredoc(source.heredoc, variables) })
      continue
    }
    const path = text(source.word)
    paths.push(path)
    const remote = remoteSource(path, instruction, checksum)
    if (remote !== undefined && !isAdd)
      throw expander.error(
        source.word.range,
        'DOCKERFILE_INVALID_VALUE',
        `COPY cannot take the ${remote.kind === 'git' ? 'git repository' : 'URL'} ${path}`,
        'ADD can',
      )
    const from = await originOf(instruction.from, source.word.range)
    sources.push(remote ?? { kind: 'path', from, pattern: patternOf(path, instruction.parents) })
  }
  checkChecksum(instruction, paths, expander)
  const flags = [
    ...(instruction.parents ? ['--parents'] : []),
    ...(chown === '' ? [] : [`--chown=${chown}`]),
    ...(chmod === '' ? [] : [`--chmod=${chmod}`]),
  ]
  const told = [isAdd ? 'ADD' : 'COPY', ...flags, ...paths, ...texts, destination].join(' ')
  return {
    createdBy: `${told} # buildkit`,
    work: {
      kind: 'copy',
      sources,
      destination: destinationPath(state.config.WorkingDir ?? '/', destination),
      chown: chown === '' ? undefined : chown,
      chmod: modeOf(instruction.chmod, chmod, expander),
      parents: instruction.parents,
      excludes: instruction.excludes.map((word) => word.text),
      link: instruction.link,
      unpacksArchives: isAdd && instruction.unpack !== false,
      epochSeconds,
    },
  }
}
