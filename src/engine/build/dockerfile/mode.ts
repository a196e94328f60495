/**
 * The value of `--chmod`: octal, or the changes of chmod(1). Applied by files/mode.ts.
 * Source: Dockerfile reference, "COPY --chmod"; BSD setmode(3) for the grammar.
 */
import type { ModeChange } from '../plan.ts'
import { DockerfileError, type Place } from './errors.ts'

const MAX_MODE = 0o7777
const CHANGES = /^[ugoa]*(?:[-+=][rwxXstugo]*)+(?:,[ugoa]*(?:[-+=][rwxXstugo]*)+)*$/

/**
 * Throws DOCKERFILE_INVALID_VALUE.
 * @example parseModeChange("0755"); parseModeChange("u=rwX,go-w")
 */
export function parseModeChange(text: string, place?: Place): ModeChange {
  if (/^[0-7]+$/.test(text) && Number.parseInt(text, 8) <= MAX_MODE) {
    return { kind: 'octal', mode: Number.parseInt(text, 8) }
  }
  if (CHANGES.test(text)) return { kind: 'symbolic', text }
  const message = /^\d/.test(text)
    ? `invalid chmod parameter "${text}": it should be an octal string between 0 and 07777`
    : `invalid chmod parameter "${text}"`
  const hint = 'write an octal mode (0755) or changes (u+x,go-w)'
  throw new DockerfileError('DOCKERFILE_INVALID_VALUE', message, place, hint)
}
