/** `RUN --device`: how it is written, what names mean among CDI devices, and what has to be allowed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { selectDevices } from '../../../../../src/engine/build/run/devices.ts'
import type { CdiDevice } from '../../../../../src/engine/containers/cdi.ts'
import { planOf, worksOf } from '../plan/support.ts'

for (const { flag, want } of [
  { flag: 'v.com/gpu=0', want: { name: 'v.com/gpu=0', isRequired: false } },
  { flag: 'v.com/gpu=*,required', want: { name: 'v.com/gpu=*', isRequired: true } },
  { flag: 'name=v.com/gpu,required=false', want: { name: 'v.com/gpu', isRequired: false } },
  { flag: 'required=true,fast', want: { name: 'fast', isRequired: true } },
])
  test(`--device=${flag}`, async () => {
    const plan = await planOf(`FROM debian\nRUN --device=${flag} make\n`)
    assert.deepEqual(worksOf(plan, 'run')[0]?.devices, [want])
  })

for (const { flag, message } of [
  { flag: 'required', message: /no name of a device/ },
  { flag: 'a,b', message: /unexpected "b"/ },
  { flag: 'a,required=maybe', message: /neither true nor false/ },
])
  test(`--device=${flag} is an error with its place`, async () => {
    await assert.rejects(planOf(`FROM debian\nRUN --device=${flag} make\n`), {
      code: 'DOCKERFILE_INVALID_VALUE',
      message,
    })
  })

function device(kind: string, name: string, annotations: CdiDevice['annotations'] = {}): [string, CdiDevice] {
  return [`${kind}=${name}`, { kind, name, annotations, edits: [] }]
}

const KNOWN = new Map([
  device('v.com/gpu', '0'),
  device('v.com/gpu', '1', { 'org.mobyproject.buildkit.device.class': 'fast' }),
  device('w.com/net', 'a', { 'org.mobyproject.buildkit.device.class': 'fast' }),
  device('w.com/net', 'free', { 'org.mobyproject.buildkit.device.autoallow': 'true' }),
])
const ALL = ['device']
const selected = (names: readonly string[], entitlements: readonly string[] = ALL): string[] =>
  selectDevices(
    names.map((name) => ({ name, isRequired: true })),
    KNOWN,
    entitlements,
    () => assert.fail('nothing to warn about'),
  ).map(({ kind, name }) => `${kind}=${name}`)

for (const { name, names, want } of [
  { name: 'one', names: ['v.com/gpu=1'], want: ['v.com/gpu=1'] },
  { name: 'all of a kind', names: ['v.com/gpu=*'], want: ['v.com/gpu=0', 'v.com/gpu=1'] },
  { name: 'the first of a kind', names: ['w.com/net'], want: ['w.com/net=a'] },
  { name: 'a class', names: ['fast'], want: ['v.com/gpu=1', 'w.com/net=a'] },
  { name: 'none twice', names: ['v.com/gpu=1', 'fast'], want: ['v.com/gpu=1', 'w.com/net=a'] },
])
  test(`devices: ${name}`, () => assert.deepEqual(selected(names), want))

test('devices need to be allowed, all or by name, unless their specification does so', () => {
  const refused = { code: 'BUILD_ENTITLEMENT', message: 'RUN --device=v.com/gpu=0 is not allowed' }
  assert.throws(() => selected(['v.com/gpu=0'], []), refused)
  assert.throws(() => selected(['v.com/gpu=0'], ['device=v.com/gpu=1', 'network.host']), refused)
  for (const allowed of ['device', 'device=v.com/gpu=0', 'device=v.com/gpu'])
    assert.deepEqual(selected(['v.com/gpu=0'], [allowed]), ['v.com/gpu=0'])
  assert.deepEqual(selected(['fast'], ['device=fast']), ['v.com/gpu=1', 'w.com/net=a'])
  assert.deepEqual(selected(['w.com/net=free'], []), ['w.com/net=free'])
})

test('a device that is not here is an error by its name when it is required, else a warning', () => {
  assert.throws(() => selected(['v.com/gpu=9']), { code: 'NO_SUCH_DEVICE', message: /no CDI device v\.com\/gpu=9/ })
  const warnings: string[] = []
  const wanted = [{ name: 'v.com/gpu=9', isRequired: false }]
  assert.deepEqual(
    selectDevices(wanted, KNOWN, ALL, (text) => void warnings.push(text)),
    [],
  )
  assert.deepEqual(warnings, ['there is no CDI device v.com/gpu=9: RUN goes on without it'])
})
