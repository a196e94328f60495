/**
 * An engine that is killed at any moment of a build: the next one takes up what was finished, and builds the same image with
 * the right files. MYCOMPOSE_TEST_ROUNDS and MYCOMPOSE_TEST_SEED make it longer and other.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { createRandom } from '../fault/random.ts'
import { BUSYBOX_IMAGE } from '../support/busybox.ts'
import { useEngine } from '../support/engine.ts'

const ROUNDS = Number(process.env['MYCOMPOSE_TEST_ROUNDS'] ?? 3)
const SEED = Number(process.env['MYCOMPOSE_TEST_SEED'] ?? 1)
/** About what the build takes; a kill after its end is a fair round, too. */
const LONGEST_MS = 2500

const compose = 'services:\n  web:\n    build: .\n    image: killed:1\n'
const dockerfile = (round: number): string => `FROM ${BUSYBOX_IMAGE} AS tools
RUN echo ${round} > /tool && head -c 3000000 /dev/zero > /zeros
FROM ${BUSYBOX_IMAGE}
WORKDIR /app
COPY a /app/a
RUN cp a b && echo ${round} >> b
RUN --mount=type=cache,target=/cache echo ${round} >> /cache/log && rm a
COPY --from=tools /tool /zeros /app/
RUN sha256sum zeros > sum
CMD cat b tool sum && ls
`

describe('an engine that is killed during a build', { timeout: 600_000 }, () => {
  const engine = useEngine()

  it(`leaves a cache that is true, ${ROUNDS} times`, async () => {
    const random = createRandom(SEED)
    await using project = engine.project({ 'compose.yaml': compose, a: 'context\n' })
    for (let round = 0; round < ROUNDS; round += 1) {
      project.write('Dockerfile', dockerfile(round))
      const delayMs = random.below(LONGEST_MS)
      const building = project.run('build', '--progress', 'plain')
      await setTimeout(delayMs)
      const pid = engine.pid()
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
      await building
      const message = `seed ${SEED}, round ${round}, killed after ${delayMs} ms`
      await project.ok('build', '--progress', 'plain')
      const shown = await project.ok('run', '--rm', 'web')
      assert.deepEqual(
        shown
          .replaceAll(/^[0-9a-f]{64}  zeros$/gm, 'SUM')
          .trim()
          .split('\n'),
        ['context', String(round), String(round), 'SUM', 'b', 'sum', 'tool', 'zeros'],
        message,
      )
      const again = await project.run('build', '--progress', 'plain')
      assert.equal([...again.stdout.matchAll(/CACHED/g), ...again.stderr.matchAll(/CACHED/g)].length, 8, message)
    }
  })
})
