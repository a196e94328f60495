/**
 * Output of build steps as text that can do nothing to a terminal: without escape sequences and control characters, a line
 * that was written over (progress bars) as it was last. Source: ECMA-48 (CSI, OSC).
 */
import { stripControls } from '../controls.ts'

/** CSI and its parameters; OSC, DCS, PM and APC up to their end; two-character sequences. */
const SEQUENCES =
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  /\u001B(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001B]*(?:\u0007|\u001B\\|$)|[ -/]*[0-~])/g

/** One line, without its line feed. */
export function cleanLine(line: string): string {
  const written = line.replaceAll(SEQUENCES, '').split('\r')
  const last = written.findLast((part) => part !== '') ?? ''
  return stripControls(last).replaceAll('\t', '    ')
}

const EMOJI_AND_WIDE =
  /[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|\p{Emoji_Presentation}/u
const NO_WIDTH = /^(?:\p{Mn}|\p{Me}|\p{Cf})$/u

/** Columns that a character takes. */
function widthOf(character: string): number {
  if (character <= '~') return 1
  if (NO_WIDTH.test(character)) return 0
  return EMOJI_AND_WIDE.test(character) ? 2 : 1
}

export function displayWidth(text: string): number {
  let width = 0
  for (const character of text) width += widthOf(character)
  return width
}

/** At most `columns` wide; what is cut ends with "...". */
export function truncate(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text
  const room = Math.max(0, columns - 3)
  let width = 0
  let kept = ''
  for (const character of text) {
    width += widthOf(character)
    if (width > room) break
    kept += character
  }
  return columns < 3 ? '.'.repeat(Math.max(0, columns)) : `${kept}...`
}

/** Cuts a stream of text into whole lines; `end` gives what is left. */
export interface LineCutter {
  push(data: string): string[]
  end(): string[]
}

/** A line without an end is cut here, so that nothing grows without bound. */
const MAX_LINE = 64 * 1024

export function createLineCutter(): LineCutter {
  let pending = ''
  return {
    push(data) {
      const lines = (pending + data).split('\n')
      pending = lines.pop() ?? ''
      if (pending.length > MAX_LINE) {
        // what a progress bar wrote over counts no more
        const from = pending.lastIndexOf('\r', pending.length - 2) + 1
        if (from > 0) pending = pending.slice(from)
        else {
          lines.push(pending)
          pending = ''
        }
      }
      return lines
    },
    end() {
      const rest = pending
      pending = ''
      return rest === '' ? [] : [rest]
    },
  }
}

/** "0.3s"; as BuildKit has it. */
export function formatSeconds(ms: number): string {
  return `${(Math.max(0, ms) / 1000).toFixed(1)}s`
}

/**
 * "[2/5] RUN x" of service web, beside others, is "[web 2/5] RUN x".
 * @example stepLabel("web", "exporting to image") is "[web] exporting to image"
 */
export function stepLabel(build: string | undefined, name: string): string {
  const clean = cleanLine(name.replaceAll('\n', ' '))
  if (build === undefined) return clean
  return clean.startsWith('[') ? `[${build} ${clean.slice(1)}` : `[${build}] ${clean}`
}
