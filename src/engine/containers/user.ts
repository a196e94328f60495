/**
 * PURE: whose ids a process gets, from "user[:group]" and the container's own passwd and group files (untrusted: read
 * inside the root, size-capped, see Rooted.readText). Numbers are range-checked (CVE-2024-40635), the primary group
 * comes first among the additional ones (CVE-2022-36109), and the runtime only ever sees numbers (CVE-2026-30892).
 * Source: moby/sys user package (GetExecUser), man 5 passwd, group.
 */
import { InvalidRequestError } from '../../errors.ts'

const MAX_ID = 2 ** 31 - 1
/** No more than the kernel takes (NGROUPS_MAX). */
const MAX_GROUPS = 65536

export interface UserFiles {
  readonly passwd: string
  readonly group: string
}

export interface UserIds {
  readonly uid: number
  readonly gid: number
  readonly additionalGids: readonly number[]
  readonly home: string
}

interface PasswdEntry {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

interface GroupEntry {
  readonly name: string
  readonly gid: number
  readonly members: readonly string[]
}

const isNumber = (text: string): boolean => /^-?\d+$/.test(text)

function checkedId(text: string, what: string): number {
  const id = Number(text)
  if (id < 0 || id > MAX_ID)
    throw new InvalidRequestError(`${what} ${text} is out of range: uids and gids must be in 0-${MAX_ID}`)
  return id
}

const isId = (id: number): boolean => Number.isInteger(id) && id >= 0 && id <= MAX_ID

function* fieldsOf(text: string): Generator<string[]> {
  for (const line of text.split('\n')) if (line.trim() !== '' && !line.startsWith('#')) yield line.trim().split(':')
}

function findUser(passwd: string, matches: (entry: PasswdEntry) => boolean): PasswdEntry | undefined {
  for (const [name = '', , uid = '', gid = '', , home = ''] of fieldsOf(passwd)) {
    const entry = { name, uid: Number(uid), gid: Number(gid), home }
    if (uid !== '' && isId(entry.uid) && isId(entry.gid) && matches(entry)) return entry
  }
  return undefined
}

function findGroups(group: string, matches: (entry: GroupEntry) => boolean): GroupEntry[] {
  const found: GroupEntry[] = []
  for (const [name = '', , gid = '', members = ''] of fieldsOf(group)) {
    const entry = { name, gid: Number(gid), members: members.split(',') }
    if (gid !== '' && isId(entry.gid) && matches(entry)) found.push(entry)
    if (found.length >= MAX_GROUPS) break
  }
  return found
}

/** Splits and range-checks without any file, so that create can refuse nonsense. Throws InvalidRequestError. */
export function parseUserSpec(spec: string): { readonly user: string; readonly group: string | undefined } {
  const parts = spec.split(':')
  const [user = '', group] = parts
  const hasControl = /\p{Cc}/u.test(spec)
  if (parts.length > 2 || hasControl || group === '' || (user === '' && group !== undefined))
    throw new InvalidRequestError(`invalid user ${JSON.stringify(spec)}: want "user", "uid", "user:group" or "uid:gid"`)
  if (isNumber(user)) checkedId(user, 'uid')
  if (group !== undefined && isNumber(group)) checkedId(group, 'gid')
  return { user, group }
}

function groupId(group: string, files: UserFiles): number {
  if (isNumber(group)) return checkedId(group, 'gid')
  const [entry] = findGroups(files.group, ({ name }) => name === group)
  if (entry === undefined)
    throw new InvalidRequestError(`unable to find group ${group}: no matching entries in group file`)
  return entry.gid
}

/** @example resolveUser("worker", [], files); "" is root. Throws InvalidRequestError for unknown names. */
export function resolveUser(spec: string, groupAdd: readonly string[], files: UserFiles): UserIds {
  const { user, group } = parseUserSpec(spec)
  const wanted = user === '' ? '0' : user
  const entry = isNumber(wanted)
    ? findUser(files.passwd, ({ uid }) => uid === Number(wanted))
    : findUser(files.passwd, ({ name }) => name === wanted)
  if (entry === undefined && !isNumber(wanted))
    throw new InvalidRequestError(`unable to find user ${user}: no matching entries in passwd file`)
  const uid = entry?.uid ?? checkedId(wanted, 'uid')
  const gid = group === undefined ? (entry?.gid ?? 0) : groupId(group, files)
  const memberships =
    group === undefined && entry !== undefined
      ? findGroups(files.group, ({ members }) => members.includes(entry.name)).map((found) => found.gid)
      : []
  const added = groupAdd.map((name) => groupId(name, files))
  const home = entry?.home === undefined || entry.home === '' ? '/' : entry.home
  return { uid, gid, additionalGids: [...new Set([gid, ...memberships, ...added])], home }
}
