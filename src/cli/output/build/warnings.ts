/** What the builds warned of, told when they have ended: findings of lint checks with their place. */
import type { BuildMessage } from '../../../api/types/build.ts'
import type { Style } from '../style.ts'
import { formatExcerpt } from './excerpt.ts'
import { cleanLine } from './text.ts'

type Warning = Extract<BuildMessage, { readonly kind: 'warning' }>

export interface Warnings {
  /** Other messages are ignored; what several builds of one file tell is kept once. */
  add(build: string | undefined, message: BuildMessage): void
  all(): readonly Warning[]
}

export function createWarnings(): Warnings {
  const found = new Map<string, Warning>()
  return {
    add(_build, message) {
      if (message.kind !== 'warning') return
      const { rule = '', source } = message
      found.set(JSON.stringify([rule, message.message, source?.file, source?.range]), message)
    },
    all: () => [...found.values()],
  }
}

/** One line each: "web/Dockerfile:3: warning: JSONArgsRecommended: ..."; "" for none. */
export function formatWarnings(warnings: readonly Warning[], style: Style): string {
  return warnings
    .map(({ rule, message, source }) => {
      const where = source === undefined ? '' : `${style.bold(`${cleanLine(source.file)}:${source.range.line}`)}: `
      return `${where}${style.yellow('warning:')} ${rule === undefined ? '' : `${rule}: `}${cleanLine(message)}\n`
    })
    .join('')
}

/** For `build --check`: with the lines of the Dockerfile and what it is about. */
export function formatFindings(warnings: readonly Warning[], style: Style): string {
  return warnings
    .map(({ rule = '', message, description, source }) => {
      const head = `${style.yellow('WARNING:')} ${rule === '' ? '' : `${rule} - `}${cleanLine(message)}\n`
      const about = description === undefined ? '' : `${cleanLine(description)}\n`
      return `${head}${about}${source === undefined ? '' : formatExcerpt(source, style)}\n`
    })
    .join('')
}
