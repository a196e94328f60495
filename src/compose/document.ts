/**
 * First phase: the text of a file -> one tree per YAML document, every key and value with its place. Most files are
 * read by plain-yaml.ts, at a tenth of the time; what it does not know goes to the `yaml` package, which is opened
 * only then. Source: YAML 1.2.2.
 */
import type { Node } from './node.ts'
import { parsePlainYaml } from './plain-yaml.ts'
import type { Problems } from './problems.ts'
import { NO_COMPOSE_FILE } from './read-text.ts'
import type { SourceFile } from './source-file.ts'

const MAX_TEXT_LENGTH = 16 * 2 ** 20

export interface ParsedFile {
  /** Those that are not empty. */
  readonly documents: readonly Node[]
  /** false: something could not be read, and was reported. */
  readonly isWhole: boolean
}

export async function parseDocuments(source: SourceFile, problems: Problems): Promise<ParsedFile> {
  const start = { source, offset: 0 }
  if (source.text.length > MAX_TEXT_LENGTH) {
    problems.error(start, {
      code: 'FILE_TOO_LARGE',
      message: `${source.path} is larger than 16 MiB`,
      hint: NO_COMPOSE_FILE,
    })
    return { documents: [], isWhole: false }
  }
  const nul = source.text.indexOf('\0')
  if (nul !== -1) {
    const message = 'the file contains a NUL byte: it is not text'
    problems.error({ source, offset: nul }, { code: 'YAML_SYNTAX', message, hint: 'save it as UTF-8 text' })
    return { documents: [], isWhole: false }
  }
  const plain = parsePlainYaml(source)
  if (plain !== undefined) return { documents: [plain], isWhole: true }
  const { parseAnyYaml } = await import('./any-yaml.ts')
  return parseAnyYaml(source, problems)
}
