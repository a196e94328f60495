/**
 * --chmod applied: octal, or the changes of chmod(1), "u+x,go-w". PURE. The umask counts as 0, so "+x" is "a+x".
 * Source: BSD setmode(3), which BuildKit goes by; it differs from GNU's in "=", which also takes set-uid and set-gid off folders.
 */
import type { ModeChange } from '../plan.ts'
import { InvalidRequestError } from '../../../errors.ts'

const CLAUSE = /^([ugoa]*)((?:[-+=][rwxXstugo]*)+)$/
const ACTION = /([-+=])([rwxXstugo]*)/g
const MASKS: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o0007, a: 0o6777 }
const STICKY = 0o1000
const EXECUTE = 0o111
const SHIFTS: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 }

interface File {
  /** Before any change. */
  readonly mode: number
  readonly isFolder: boolean
}

/** What one letter stands for, for all classes at once. */
function bitsOf(letter: string, action: string, now: number, { mode, isFolder }: File): number {
  const shift = SHIFTS[letter]
  if (shift !== undefined) return ((now >> shift) & 7) * EXECUTE
  switch (letter) {
    case 'r':
      return 0o444
    case 'w':
      return 0o222
    case 'x':
      return EXECUTE
    case 'X':
      return action === '-' || isFolder || (mode & EXECUTE) !== 0 ? EXECUTE : 0
    case 's':
      return 0o6000
    default:
      return STICKY
  }
}

function applyAction(who: string, action: string, letters: string, now: number, file: File): number {
  const classes = who === '' ? 'a' : who
  const isOnlyOthers = !/[uga]/.test(classes)
  const sticky = letters.includes('t') && !isOnlyOthers ? STICKY : 0
  const mask = classes.split('').reduce((all, letter) => all | (MASKS[letter] ?? 0), sticky)
  const bits = letters.split('').reduce((all, letter) => all | bitsOf(letter, action, now, file), 0) & mask
  if (action === '+') return now | bits
  if (action === '-') return now & ~bits
  return (now & ~(/[ugo]/.test(letters) ? mask & 0o777 : mask)) | bits
}

function applyClause(clause: string, before: number, file: File): number {
  const parts = CLAUSE.exec(clause)
  if (parts === null)
    throw new InvalidRequestError(`invalid mode ${JSON.stringify(clause)}`, {
      hint: 'want octal (0755) or changes as of chmod(1) (u+x,go-w)',
    })
  const [, who = '', actions = ''] = parts
  let now = before
  for (const [, action = '', letters = ''] of actions.matchAll(ACTION))
    now = applyAction(who, action, letters, now, file)
  return now
}

/** Permission bits with set-uid, set-gid and sticky. Throws InvalidRequestError. */
export function applyMode(change: ModeChange, mode: number, isFolder: boolean): number {
  if (change.kind === 'octal') return change.mode
  return change.text.split(',').reduce((before, clause) => applyClause(clause, before, { mode, isFolder }), mode)
}
