/** Where the messages of builds go while they run. Types only; cli/output draws them. */
import type { BuildMessage } from '../../api/types/build.ts'

export interface BuildView {
  /** `build`: the service that it is for; undefined when nothing else is built beside it. */
  message(build: string | undefined, message: BuildMessage): void
  /** Shows the last state, and what was warned of. Idempotent. */
  close(): Promise<void>
}
