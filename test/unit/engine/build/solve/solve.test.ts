/** Plans run against a worker that only writes down what it was asked to do; steps change nothing, so no layer is needed. */
import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { BuildMessage, BuildRequest } from '../../../../../src/api/types/build.ts'
import { holdLayers } from '../../../../../src/engine/layers/holds.ts'
import type { Plan } from '../../../../../src/engine/build/plan.ts'
import { createFlights } from '../../../../../src/engine/build/solve/flights.ts'
import { createProgress } from '../../../../../src/engine/build/solve/progress.ts'
import { createSlots } from '../../../../../src/engine/build/solve/slots.ts'
import {
  solvePlan,
  type SolveContext,
  type StepRequest,
  type StepWorker,
} from '../../../../../src/engine/build/solve/solve.ts'
import { CommandFailedError, StepError } from '../../../../../src/engine/build/solve/step-error.ts'
import type { EngineBase } from '../../../../../src/engine/context.ts'
import { openStateDatabase } from '../../../../../src/state/database.ts'
import { planOf } from '../plan/support.ts'

interface Bench {
  readonly ran: string[]
  readonly messages: BuildMessage[]
  solve(plan: Plan, signal?: AbortSignal): Promise<unknown>
}

const command = ({ operation: { work } }: StepRequest): string => (work.kind === 'run' ? work.commandText : work.kind)

function createBench(t: TestContext, act: (step: StepRequest) => Promise<void> = async () => {}): Bench {
  const state = openStateDatabase(':memory:')
  t.after(() => state.close())
  let serial = 0
  const clock = { nowMs: () => Date.now(), nowRfc3339: () => new Date().toISOString() }
  const base = { state, host: { clock, randomHex: () => String((serial += 1)) } } as unknown as EngineBase
  const ran: string[] = []
  const messages: BuildMessage[] = []
  const worker: StepWorker = {
    contentOf: async (input) => (input.kind === 'files' ? input.reading.pattern : input.source.url),
    async perform(step) {
      ran.push(command(step))
      await act(step)
      return undefined
    },
  }
  const context: Omit<SolveContext, 'begun' | 'hold' | 'progress' | 'replaced'> = {
    base,
    worker,
    flights: createFlights(),
    slots: createSlots(8),
    shared: { find: async () => undefined },
  }
  return {
    ran,
    messages,
    async solve(plan, signal = new AbortController().signal) {
      using hold = holdLayers(base)
      const progress = createProgress((message) => messages.push(message), clock)
      return await solvePlan({ ...context, hold, progress, begun: new Set(), replaced: new Set() }, plan, signal)
    },
  }
}

const plan = (lines: string, request: Partial<BuildRequest> = {}): Promise<Plan> =>
  planOf(`FROM scratch AS base\n${lines}`, { request })

suite('solving a plan', () => {
  test('what was done is not done again', async (t) => {
    const bench = createBench(t)
    await bench.solve(await plan('RUN a\nCOPY x /\nRUN b\n'))
    await bench.solve(await plan('RUN a\nCOPY x /\nRUN b\n'))
    assert.deepEqual(bench.ran, ['a', 'copy', 'b'])
    const cached = bench.messages.filter((message) => message.kind === 'ended' && message.cached)
    assert.equal(cached.length, 3)
    await bench.solve(await plan('RUN a\nCOPY y /\n'))
    assert.deepEqual(bench.ran.slice(3), ['copy'], 'other content')
    await bench.solve(await plan('RUN a\nCOPY x /\n', { noCache: true }))
    assert.deepEqual(bench.ran.slice(4), ['a', 'copy'])
  })

  test('independent stages run side by side, in the order of their needs', async (t) => {
    let running = 0
    let most = 0
    const bench = createBench(t, async () => {
      running += 1
      most = Math.max(most, running)
      await setTimeout(20)
      running -= 1
    })
    await bench.solve(
      await plan(
        'RUN a\nFROM base AS x\nRUN x\nFROM base AS y\nRUN y\nFROM scratch\nCOPY --from=x /x /\nCOPY --from=y /y /\n',
      ),
    )
    assert.equal(most, 2)
    assert.equal(bench.ran[0], 'a')
    assert.deepEqual(bench.ran.slice(1, 3).toSorted(), ['x', 'y'])
  })

  test('simultaneous builds share what they both need', async (t) => {
    const bench = createBench(t, () => setTimeout(20))
    const same = await plan('RUN a\nRUN b\n')
    await Promise.all([bench.solve(same), bench.solve(await plan('RUN a\nRUN c\n')), bench.solve(same)])
    assert.deepEqual(bench.ran.toSorted(), ['a', 'b', 'c'])
  })

  test('the first failure ends the others and nothing new begins', async (t) => {
    const ended: string[] = []
    const bench = createBench(t, async (step) => {
      if (command(step) === 'bad') {
        step.output({ stream: 'stderr', data: Buffer.from('oh no\n') })
        throw new CommandFailedError(['sh', '-c', 'bad'], 3)
      }
      await setTimeout(60_000, undefined, { signal: step.signal }).catch((error: unknown) => {
        ended.push(command(step))
        throw error
      })
    })
    const wanted = await plan(
      'FROM base AS x\nRUN slow\nFROM base AS y\nRUN bad\nRUN never\nFROM scratch\nCOPY --from=x / /\nCOPY --from=y / /\n',
    )
    await assert.rejects(bench.solve(wanted), (error: unknown) => {
      assert.ok(error instanceof StepError && error.cause instanceof CommandFailedError)
      assert.equal(error.cause.commandExitCode, 3)
      assert.match(error.operation.name, /RUN bad/)
      return true
    })
    assert.deepEqual(ended, ['slow'])
    assert.ok(!bench.ran.includes('never'))
    const outcome = bench.messages.flatMap((message) =>
      message.kind === 'ended' && (message.canceled === true || message.error !== undefined) ? message : [],
    )
    assert.equal(outcome.length, 2)
  })

  test('a cancel ends what runs and keeps what was finished', async (t) => {
    const cancel = new AbortController()
    const bench = createBench(t, async (step) => {
      if (command(step) === 'b') {
        cancel.abort()
        await setTimeout(60_000, undefined, { signal: step.signal })
      }
    })
    const wanted = await plan('RUN a\nRUN b\nRUN c\n')
    await assert.rejects(bench.solve(wanted, cancel.signal), { code: 'CANCELED' })
    await assert.rejects(bench.solve(wanted, cancel.signal), { code: 'CANCELED' })
    assert.deepEqual(bench.ran, ['a', 'b'])
  })
})
