import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attachUp } from '../../../src/project/attach-up.ts'
import type { AttachedRun, AttachOptions } from '../../../src/project/attach-up.ts'
import { up } from '../../../src/project/up.ts'
import { createHarness, project } from './harness.ts'
import type { Harness } from './harness.ts'

const CHAIN = `
services:
  web: { image: app, depends_on: { db: { condition: service_healthy } } }
  db: { image: db, healthcheck: { test: [ CMD, x ] } }
`

async function attach(
  yaml: string,
  options: AttachOptions,
  prepare: (harness: Harness) => void,
): Promise<Harness & { run: AttachedRun; seen: string[]; code: Promise<number> }> {
  const harness = createHarness()
  prepare(harness)
  const run = await attachUp(harness.context, await project(yaml), options)
  const seen: string[] = []
  async function read(): Promise<number> {
    for await (const event of run.events) {
      if (event.kind === 'output') seen.push(`${event.source.shortName} ${event.data.toString().trimEnd()}`)
      if (event.kind === 'exited') seen.push(`${event.source.shortName} exited ${event.exitCode}`)
    }
    return await run.ended
  }
  return { ...harness, run, seen, code: read() }
}

test('ends with 0 when all containers have ended, whatever their codes', async () => {
  const { run, seen, code } = await attach('services: { a: { image: app }, b: { image: app } }', {}, ({ engine }) => {
    engine.onStart = ({ name }) => {
      engine.write(name, 'hello\n')
      setTimeout(() => engine.exit(name, name === 'p-a-1' ? 5 : 0), 30)
    }
  })
  assert.deepEqual(run.attachedTo, ['a-1', 'b-1'])
  assert.equal(await code, 0)
  assert.deepEqual(seen.toSorted(), ['a-1 exited 5', 'a-1 hello', 'b-1 exited 0', 'b-1 hello'])
})

test('output flows while others are waited for', async () => {
  const { engine, seen, code } = await attach(CHAIN, {}, ({ engine }) => {
    engine.onStart = ({ name }) => {
      engine.write(name, 'up\n')
      if (name === 'p-web-1') {
        setTimeout(() => engine.exit(name, 0), 10)
        setTimeout(() => engine.exit('p-db-1', 0), 20)
      }
    }
  })
  while (seen.length === 0) await new Promise(setImmediate)
  assert.deepEqual(seen, ['db-1 up'])
  assert.equal(engine.byName('p-web-1').status, 'created')
  engine.setHealth('p-db-1', 'healthy')
  assert.equal(await code, 0)
  assert.deepEqual(seen.toSorted(), ['db-1 exited 0', 'db-1 up', 'web-1 exited 0', 'web-1 up'])
})

test('the exit is told after the last output, however late that comes', async () => {
  const { seen, code } = await attach('services: { a: { image: app } }', {}, ({ engine, context }) => {
    engine.onStart = ({ name }) => engine.exit(name, 0)
    Object.assign(context.clock, { sleep: () => Promise.resolve() }) // any time limit has passed
    Object.assign(engine.client.containers, {
      async *logs(_id: string, _request: unknown, abort: AbortSignal) {
        for (let line = 0; line < 20 && !abort.aborted; line += 1) {
          yield { stream: 'stdout', data: Buffer.from(`${line}\n`) }
          await new Promise(setImmediate)
        }
      },
    })
  })
  assert.equal(await code, 0)
  assert.deepEqual(seen.slice(-3), ['a-1 18', 'a-1 19', 'a-1 exited 0'])
})

test('an abort waits for the output of what it stopped while somebody reads it', async () => {
  const { seen, code } = await attach(
    'services: { a: { image: app }, b: { image: app } }',
    { exitCodeFrom: 'b' },
    ({ engine, context }) => {
      engine.onStart = ({ name }) => {
        if (name === 'p-a-1') setTimeout(() => engine.exit(name, 0), 10)
      }
      Object.assign(context.clock, { sleep: () => new Promise((resolve) => setTimeout(resolve, 50)) })
      const original = { ...engine.client.containers }
      Object.assign(engine.client.containers, {
        async *logs(id: string, request: object, abort: AbortSignal) {
          yield* original.logs(id, request, abort)
          for (let line = 0; line < 10 && !abort.aborted; line += 1) {
            yield { stream: 'stdout', data: Buffer.from(`${line}\n`) }
            await new Promise((resolve) => setTimeout(resolve, 20))
          }
        },
      })
    },
  )
  assert.equal(await code, 143)
  assert.equal(seen.at(-1), 'b-1 exited 143')
})

test('abort on container exit: the first code, the others are stopped', async () => {
  const { engine, code } = await attach(
    'services: { a: { image: app }, b: { image: app } }',
    { abortOnContainerExit: true },
    ({ engine }) => {
      engine.onStart = ({ name }) => {
        if (name === 'p-a-1') setTimeout(() => engine.exit(name, 7), 20)
      }
    },
  )
  assert.equal(await code, 7)
  assert.equal(engine.byName('p-b-1').exitCode, 143)
})

test('abort on failure survives clean exits', async () => {
  const { engine, code } = await attach(
    'services: { a: { image: app }, b: { image: app }, c: { image: app } }',
    { abortOnContainerFailure: true },
    ({ engine }) => {
      engine.onStart = ({ name }) => {
        if (name === 'p-a-1') setTimeout(() => engine.exit(name, 0), 10)
        if (name === 'p-b-1') setTimeout(() => engine.exit(name, 111), 40)
      }
    },
  )
  assert.equal(await code, 111)
  assert.equal(engine.byName('p-c-1').status, 'exited')
})

test('exit code from: 143 when the abort stopped it', async () => {
  const { code } = await attach(
    'services: { a: { image: app }, b: { image: app } }',
    { exitCodeFrom: 'b' },
    ({ engine }) => {
      engine.onStart = ({ name }) => {
        if (name === 'p-a-1') setTimeout(() => engine.exit(name, 7), 20)
      }
    },
  )
  assert.equal(await code, 143)
})

test('the first signal stops what was asked for, dependencies stay; dependents first', async () => {
  const { engine, run, code } = await attach(CHAIN, { services: ['web'] }, ({ engine }) => {
    engine.onStart = ({ name }) => {
      if (name === 'p-db-1') engine.setHealth(name, 'healthy')
    }
  })
  while (engine.byName('p-web-1').status !== 'running') await new Promise(setImmediate)
  await Promise.all([run.stop(), run.stop()])
  assert.equal(await code, 0)
  assert.equal(engine.byName('p-web-1').status, 'exited')
  assert.equal(engine.byName('p-db-1').status, 'running')
  assert.equal(engine.requests.filter((request) => request === 'stop p-web-1').length, 1)
})

test('a signal while starting: nothing more is started', async () => {
  const { engine, run, seen, code } = await attach(CHAIN, {}, ({ engine }) => {
    engine.onStart = ({ name }) => engine.write(name, 'up\n')
  })
  while (seen.length === 0) await new Promise(setImmediate)
  await run.stop()
  assert.equal(await code, 0)
  assert.equal(engine.byName('p-web-1').status, 'created')
  assert.equal(engine.byName('p-db-1').status, 'exited')
})

test('an abort waits for a start that is under way, and stops that too', async () => {
  const { engine, code } = await attach(
    'services: { quick: { image: app }, slow: { image: app } }',
    { abortOnContainerExit: true },
    ({ engine }) => {
      const original = { ...engine.client.containers }
      Object.assign(engine.client.containers, {
        async start(id: string) {
          if (engine.containers.get(id)?.name === 'p-slow-1') await new Promise((resolve) => setTimeout(resolve, 50))
          return await original.start(id)
        },
      })
      engine.onStart = ({ name }) => {
        if (name === 'p-quick-1') engine.exit(name, 7)
      }
    },
  )
  assert.equal(await code, 7)
  assert.equal(engine.byName('p-slow-1').status, 'exited')
})

test('the second signal kills', async () => {
  const { engine, run, code } = await attach('services: { a: { image: app } }', {}, ({ engine }) => {
    engine.failOn = (request) => (request === 'stop p-a-1' ? new Error('hangs') : undefined)
  })
  while (engine.containers.size === 0 || engine.byName('p-a-1').status !== 'running') await new Promise(setImmediate)
  await run.kill()
  assert.equal(await code, 0)
  assert.equal(engine.byName('p-a-1').exitCode, 137)
})

test('a dependency that fails rejects, and leaves what runs', async () => {
  const { engine, code } = await attach(CHAIN, {}, ({ engine }) => {
    engine.onStart = ({ name }) => setTimeout(() => engine.setHealth(name, 'unhealthy'), 10)
  })
  await assert.rejects(code, { message: 'dependency failed to start: container p-db-1 is unhealthy' })
  assert.equal(engine.byName('p-db-1').status, 'running')
})

test('what runs already is attached to', async () => {
  const { engine, context } = createHarness()
  const model = await project('services: { a: { image: app } }')
  await up(context, model, {})
  const run = await attachUp(context, model, {})
  setTimeout(() => engine.exit('p-a-1', 0), 20)
  assert.equal(await run.ended, 0)
})

test('--attach and --no-attach choose whose output is shown, not who is waited for', async () => {
  for (const options of [{ attach: ['a'] }, { noAttach: ['b'] }]) {
    const { seen, code } = await attach('services: { a: { image: app }, b: { image: app } }', options, ({ engine }) => {
      engine.onStart = ({ name }) => {
        engine.write(name, 'hello\n')
        setTimeout(() => engine.exit(name, 0), name === 'p-a-1' ? 10 : 60)
      }
    })
    await code
    assert.deepEqual(seen, ['a-1 hello', 'a-1 exited 0'])
  }
})
