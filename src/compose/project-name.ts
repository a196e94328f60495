/**
 * The project's name: -p, COMPOSE_PROJECT_NAME, `name:` of the last file that has one, the folder's name.
 * Source: Compose Specification, "name".
 */
import { posix } from 'node:path'
import { MycomposeError } from '../errors.ts'
import { interpolateTree, type Lookup } from './interpolate.ts'
import { child, textOf } from './node.ts'
import type { RawFile } from './include.ts'
import type { Problems } from './problems.ts'
import type { LoadRequest } from './request.ts'

const VALID_NAME = /^[a-z0-9][a-z0-9_-]*$/
const RULE = 'a name has lower-case letters, digits, "-" and "_", and starts with a letter or digit'

/** Letters lowered, foreign characters dropped; "" when nothing is left. */
export function normaliseProjectName(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '')
}

/** @throws MycomposeError PROJECT_NAME when a name that was asked for is invalid. */
export function explicitProjectName(
  request: LoadRequest,
  variables: Readonly<Record<string, string>>,
): string | undefined {
  const fromVariable = variables['COMPOSE_PROJECT_NAME']
  const name = request.projectName ?? (fromVariable === '' ? undefined : fromVariable)
  if (name === undefined) return undefined
  if (VALID_NAME.test(name)) return name
  const suggestion = normaliseProjectName(name)
  throw new MycomposeError(`invalid project name ${JSON.stringify(name)}: ${RULE}`, {
    code: 'PROJECT_NAME',
    hint: suggestion === '' ? undefined : `use "${suggestion}"`,
  })
}

/** The `name:` of the last document that has one. */
export function nameOfFiles(files: readonly RawFile[], lookup: Lookup, problems: Problems): string | undefined {
  const documents = files.flatMap((file) => file.documents)
  const node = documents.map((document) => child(document, 'name')).findLast((name) => name !== undefined)
  if (node === undefined) return undefined
  const name = textOf(interpolateTree(node, lookup, problems)) ?? ''
  if (VALID_NAME.test(name)) return name
  const normal = normaliseProjectName(name)
  if (normal === '') {
    problems.error(node, {
      code: 'PROJECT_NAME',
      message: `invalid project name ${JSON.stringify(name)}`,
      hint: RULE,
    })
    return 'project'
  }
  const message = `the project name ${JSON.stringify(name)} is read as "${normal}"`
  problems.warn(node, { code: 'PROJECT_NAME', message, hint: RULE })
  return normal
}

/** @throws MycomposeError PROJECT_NAME when the folder's name has no usable character. */
export function nameOfFolder(folder: string): string {
  const name = normaliseProjectName(posix.basename(folder))
  if (name !== '') return name
  throw new MycomposeError(`the folder ${folder} gives no project name`, {
    code: 'PROJECT_NAME',
    hint: 'name the project with -p NAME, or with "name:" in the file',
  })
}
