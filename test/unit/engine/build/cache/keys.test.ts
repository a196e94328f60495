/** What is in a key, and what is not. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { BuildRequest } from '../../../../../src/api/types/build.ts'
import { inputsOf, operationKey } from '../../../../../src/engine/build/cache/keys.ts'
import { planOf } from '../plan/support.ts'

async function keyOf(
  line: string,
  { below = 'sha256:b', request = {} }: { readonly below?: string; readonly request?: Partial<BuildRequest> } = {},
): Promise<string> {
  const plan = await planOf(`FROM debian AS web\n${line}\n`, { request })
  const work = plan.operations.at(-1)?.work
  assert.ok(work !== undefined)
  return operationKey(
    work,
    below,
    inputsOf(work).map((_input, index) => `content ${index}`),
  )
}

suite('keys of the cache', () => {
  test('the same step has the same key', async () => {
    assert.equal(await keyOf('RUN make'), await keyOf('run   make'))
    assert.match(await keyOf('RUN make'), /^sha256:[0-9a-f]{64}$/)
  })

  const others: readonly { name: string; a: string; b: string }[] = [
    { name: 'the command', a: 'RUN make', b: 'RUN make all' },
    { name: 'an argument in scope', a: 'ARG A=1\nRUN x', b: 'ARG A=2\nRUN x' },
    { name: 'the environment', a: 'ENV A=1\nRUN x', b: 'ENV A=2\nRUN x' },
    { name: 'the user', a: 'USER a\nRUN x', b: 'USER b\nRUN x' },
    { name: 'the working folder', a: 'COPY a .\nWORKDIR /a', b: 'COPY a .\nWORKDIR /b' },
    { name: 'a mount', a: 'RUN x', b: 'RUN --mount=type=cache,target=/c x' },
    { name: 'the destination', a: 'COPY a /a', b: 'COPY a /b' },
    { name: 'the owner', a: 'COPY a /a', b: 'COPY --chown=1 a /a' },
    { name: 'the mode', a: 'COPY a /a', b: 'COPY --chmod=600 a /a' },
    { name: 'COPY and ADD of a tar', a: 'COPY a /a', b: 'ADD a /a' },
    { name: 'the text of a heredoc', a: 'COPY <<E /a\n1\nE', b: 'COPY <<E /a\n2\nE' },
  ]
  for (const { name, a, b } of others)
    test(`${name} makes another one`, async () => assert.notEqual(await keyOf(a), await keyOf(b)))

  test('labels, proxies, names and secrets have no part in it', async () => {
    const key = await keyOf('RUN x')
    assert.equal(await keyOf('LABEL a=b\nRUN x'), key)
    assert.equal(await keyOf('RUN x', { request: { args: { HTTPS_PROXY: 'http://p' } } }), key)
    const secret = 'RUN --mount=type=secret,id=s x'
    const secrets = [{ id: 's', valueBase64: 'AA==' }]
    assert.equal(await keyOf(secret, { request: { secrets } }), await keyOf(secret))
  })

  test('what is below counts, but not for --link', async () => {
    assert.notEqual(await keyOf('COPY a /'), await keyOf('COPY a /', { below: 'sha256:c' }))
    assert.equal(await keyOf('COPY --link a /'), await keyOf('COPY --link a /', { below: 'sha256:c' }))
    const named = 'COPY --link --chown=web a /'
    assert.notEqual(await keyOf(named), await keyOf(named, { below: 'sha256:c' }), 'a name is looked up in it')
  })
})
