/** Builds for programs that watch us: the engine's messages, one JSON object a line, with the service in `build`. */
import type { BuildView } from '../../../project/build/view.ts'
import type { OutputStream } from '../../io.ts'

export function createJsonBuildView(stderr: OutputStream): BuildView {
  return {
    message(build, message) {
      stderr.write(`${JSON.stringify({ ...(build === undefined ? {} : { build }), ...message })}\n`)
    },
    close: () => Promise.resolve(),
  }
}
