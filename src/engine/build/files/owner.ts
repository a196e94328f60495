/**
 * --chown and the owner of WORKDIR's folder: names are looked up in the state that is written, and those that it does not
 * know are root, as with BuildKit (which does not say so; we warn). PURE.
 * Source: BuildKit's readUser; man 5 passwd, group.
 */
import type { Owner } from './tree.ts'
import { InvalidRequestError } from '../../../errors.ts'

export interface UserFiles {
  readonly passwd: string
  readonly group: string
}

const MAX_ID = 2 ** 31 - 1

function idOf(text: string): number | undefined {
  if (text === 'root') return 0
  if (!/^-?\d+$/.test(text)) return undefined
  const id = Number(text)
  if (id < 0 || id > MAX_ID) throw new InvalidRequestError(`the owner ${text} is not in 0-${MAX_ID}`)
  return id
}

/** The fields of the first line that begins with the name. */
function findLine(file: string, name: string): readonly string[] | undefined {
  for (const line of file.split('\n')) if (line.startsWith(`${name}:`)) return line.trim().split(':')
  return undefined
}

/**
 * `spec`: "user", "user:group", names or numbers; a number alone is the group as well. `warn` hears of names that are in
 * neither file. Throws InvalidRequestError.
 */
export function resolveOwner(spec: string, files: () => UserFiles, warn: (message: string) => void): Owner {
  const colon = spec.indexOf(':')
  const [user, group] = colon === -1 ? [spec, undefined] : [spec.slice(0, colon), spec.slice(colon + 1)]

  function unknown(what: string, name: string, file: string): undefined {
    if (name !== '') warn(`the ${what} ${JSON.stringify(name)} is not in ${file} of the image: root is taken instead`)
    return undefined
  }

  const id = idOf(user)
  const line = id === undefined ? (findLine(files().passwd, user) ?? unknown('user', user, '/etc/passwd')) : undefined
  const uid = id ?? idOf(line?.[2] ?? '0') ?? 0
  if (group === undefined) return { uid, gid: id ?? idOf(line?.[3] ?? '0') ?? 0 }
  const gid = idOf(group)
  if (gid !== undefined) return { uid, gid }
  const found = findLine(files().group, group) ?? unknown('group', group, '/etc/group')
  return { uid, gid: found === undefined ? (id ?? idOf(line?.[3] ?? '0') ?? 0) : (idOf(found[2] ?? '0') ?? 0) }
}
