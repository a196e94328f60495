import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uninterrupted } from '../../../src/host/nft.ts'

const INTERRUPTED = { ok: false, output: '', error: 'netlink: Error: Could not process rule: Interrupted system call' }
const REFUSED = { ok: false, output: '', error: 'Error: syntax error' }
const DONE = { ok: true, output: '', error: '' }

/** Gives the answers in turn, the last one again and again. */
function backend(...answers: (typeof DONE)[]) {
  const calls: string[] = []
  const next = (commands: string) => {
    calls.push(commands)
    return answers[Math.min(calls.length, answers.length) - 1] ?? DONE
  }
  return { calls, ...uninterrupted({ run: (commands) => Promise.resolve(next(commands)), runSync: next }) }
}

test('an interrupted transaction is tried again', async () => {
  const nft = backend(INTERRUPTED, INTERRUPTED, DONE)
  assert.equal((await nft.run('a', { json: false })).ok, true)
  assert.deepEqual(nft.calls, ['a', 'a', 'a'])
  const sync = backend(INTERRUPTED, DONE)
  assert.equal(sync.runSync('b').ok, true)
  assert.deepEqual(sync.calls, ['b', 'b'])
})

test('a refused one is not, and interruptions have an end', async () => {
  const refused = backend(REFUSED)
  assert.equal((await refused.run('a', { json: false })).ok, false)
  assert.equal(refused.calls.length, 1)
  const forever = backend(INTERRUPTED)
  assert.equal(forever.runSync('a').ok, false)
  assert.ok(forever.calls.length > 1 && forever.calls.length <= 100)
})
