/** COPY and ADD: flags, sources (paths and heredocs), destination. */
import type { CopyInstruction } from './ast.ts'
import { readFlags } from './flags.ts'
import { dropTabs, parseHeredocStart } from './heredoc.ts'
import type { Span } from './logical-line.ts'
import { type Parts, type Reading, fail, nameOf, readJsonList, wordOf } from './reading.ts'
import { blankWords } from './words.ts'

const SHARED = { chown: 'string', chmod: 'string', link: 'boolean', exclude: 'strings' } as const
const COPY = { ...SHARED, from: 'string', parents: 'boolean' } as const
const ADD = { ...SHARED, 'keep-git-dir': 'boolean', checksum: 'string', unpack: 'boolean' } as const

export function readCopy(reading: Reading, kind: 'copy' | 'add'): Parts<CopyInstruction> {
  const list = readJsonList(reading)
  const words = list.kind === 'list' ? list.items : blankWords(reading.split.line, reading.split.rest)
  const destination = words.at(-1)
  if (destination === undefined || words.length < 2) {
    const message = `${nameOf(reading)} requires at least two arguments, the last being the destination`
    throw fail(reading, message, { hint: `write ${nameOf(reading)} source ... destination` })
  }
  const flags = readFlags(reading, kind === 'copy' ? COPY : ADD)
  if (parseHeredocStart(destination.text) !== undefined) {
    throw fail(reading, `${nameOf(reading)} cannot accept a heredoc as a destination`, { span: destination })
  }
  return {
    kind,
    sources: words.slice(0, -1).map((word) => readSource(reading, word)),
    destination: wordOf(reading, destination),
    from: flags.word('from'),
    chown: flags.word('chown'),
    chmod: flags.word('chmod'),
    link: flags.boolean('link') ?? false,
    parents: flags.boolean('parents') ?? false,
    excludes: flags.words('exclude'),
    checksum: flags.word('checksum'),
    keepGitDir: flags.boolean('keep-git-dir'),
    unpack: flags.boolean('unpack'),
  }
}

/** Found by name, as BuildKit does: of two with one name both get the last content. In a JSON list there is none: empty. */
function readSource(reading: Reading, word: Span): CopyInstruction['sources'][number] {
  const start = parseHeredocStart(word.text)
  if (start === undefined) return { kind: 'path', word: wordOf(reading, word) }
  const found = reading.heredocs.findLast(({ name }) => name === start.name)
  const raw = found?.raw ?? ''
  const content = start.dropsTabs ? dropTabs(raw) : raw
  const { name, expands } = start
  const range = found?.range ?? wordOf(reading, word).range
  return { kind: 'heredoc', heredoc: { name, content, raw, expands, range } }
}
