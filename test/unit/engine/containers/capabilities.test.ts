import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CAPABILITIES,
  capabilitiesOfMask,
  chooseCapabilities,
  toOciCapabilities,
} from '../../../../src/engine/containers/spec/capabilities.ts'

const none = { privileged: false, add: [], drop: [], available: CAPABILITIES }

test('the default is the fourteen of docker', () => {
  assert.deepEqual(
    chooseCapabilities(none).map((name) => name.slice(4)),
    ['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE', 'NET_RAW'].concat(
      ['SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT'],
    ),
  )
})

const CASES = [
  { name: 'drop ALL', wish: { drop: ['all'] }, want: [] },
  { name: 'drop ALL, add one', wish: { drop: ['ALL'], add: ['net_admin'] }, want: ['CAP_NET_ADMIN'] },
  {
    name: 'drop ALL, add two in any spelling',
    wish: { drop: ['ALL'], add: ['CAP_chown', 'KILL'] },
    want: ['CAP_CHOWN', 'CAP_KILL'],
  },
]
for (const { name, wish, want } of CASES)
  test(name, () => assert.deepEqual(chooseCapabilities({ ...none, ...wish }), want))

test('add ALL is all there are without the dropped', () => {
  const got = chooseCapabilities({ ...none, add: ['ALL'], drop: ['SYS_ADMIN'] })
  assert.equal(got.length, CAPABILITIES.length - 1)
  assert.ok(!got.includes('CAP_SYS_ADMIN'))
})

test('privileged is what the engine has, whatever is dropped', () => {
  const available = ['CAP_KILL', 'CAP_CHOWN']
  assert.deepEqual(chooseCapabilities({ privileged: true, add: [], drop: ['KILL'], available }), [
    'CAP_CHOWN',
    'CAP_KILL',
  ])
})

test('unknown and unavailable ones are errors', () => {
  assert.throws(() => chooseCapabilities({ ...none, add: ['FLY'] }), /unknown capability: "FLY"/)
  assert.throws(() => chooseCapabilities({ ...none, add: ['BPF'], available: ['CAP_KILL'] }), /not available/)
})

test('masks name bits from CHOWN (0) to CHECKPOINT_RESTORE (40)', () => {
  assert.deepEqual(capabilitiesOfMask('0000000000000001'), ['CAP_CHOWN'])
  assert.deepEqual(capabilitiesOfMask('0000010000000000'), ['CAP_CHECKPOINT_RESTORE'])
  assert.equal(capabilitiesOfMask('000001ffffffffff').length, 41)
  assert.deepEqual(capabilitiesOfMask('00000000a80425fb'), capabilitiesOfMask('a80425fb'))
})

test('inheritable and ambient stay empty (CVE-2022-24769)', () => {
  assert.deepEqual(Object.keys(toOciCapabilities(['CAP_KILL'])).toSorted(), ['bounding', 'effective', 'permitted'])
})
