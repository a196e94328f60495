/**
 * What the shell of a RUN with heredocs gets: a lone heredoc is the script itself, with "#!" a program of its own; all else is
 * left to the shell. PURE. Source: Dockerfile reference, "Here-Documents"; BuildKit's frontend for the exact texts.
 */
import type { Heredoc } from '../dockerfile/ast.ts'
import { parseHeredocStart } from '../dockerfile/heredoc.ts'

/** Where a script with "#!" lies while it runs. */
const SCRIPT_FOLDER = '/dev/pipes'

export type Script =
  /** For the shell. */
  | { readonly kind: 'text'; readonly text: string }
  /** A file that is run by itself. */
  | { readonly kind: 'program'; readonly path: string; readonly content: string }

/** The command is nothing but `<<NAME`, however it is quoted. */
function isLone(command: string, heredocs: readonly Heredoc[]): boolean {
  return heredocs.length === 1 && parseHeredocStart(command) !== undefined
}

export function toScript(command: string, heredocs: readonly Heredoc[]): Script {
  const [first] = heredocs
  if (first === undefined) return { kind: 'text', text: command }
  if (!isLone(command, heredocs))
    return {
      kind: 'text',
      text: [command, ...heredocs.map(({ name, raw }) => `${raw}${name}`)].join('\n'),
    }
  const { name, content } = first
  return content.startsWith('#!')
    ? { kind: 'program', path: `${SCRIPT_FOLDER}/${name}`, content }
    : { kind: 'text', text: content }
}

/** Its first line, for the name of the step. */
export function summaryOfScript(content: string): string {
  const [first = '', ...more] = content.trim().split(/\r?\n/)
  return more.length === 0 ? first : `${first}...`
}

/** Undefined: a command that is no lone heredoc has its own name. */
export function loneHeredoc(command: string, heredocs: readonly Heredoc[]): Heredoc | undefined {
  return isLone(command, heredocs) ? heredocs[0] : undefined
}
