import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseUserSpec, resolveUser } from '../../../../src/engine/containers/user.ts'

const files = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\nworker:x:1234:1235::/home/worker:/bin/sh\nworker:x:9:9::/other:\nbroken:x\n',
  group: 'root:x:0:\nworker:x:1235:\nextra:x:2000:worker,other\nlast:x:3000:other,worker\n',
}

const CASES = [
  { spec: '', want: { uid: 0, gid: 0, additionalGids: [0], home: '/root' } },
  { spec: 'worker', want: { uid: 1234, gid: 1235, additionalGids: [1235, 2000, 3000], home: '/home/worker' } },
  { spec: '1234', want: { uid: 1234, gid: 1235, additionalGids: [1235, 2000, 3000], home: '/home/worker' } },
  // an explicit group: no memberships
  { spec: 'worker:extra', want: { uid: 1234, gid: 2000, additionalGids: [2000], home: '/home/worker' } },
  { spec: 'worker:77', want: { uid: 1234, gid: 77, additionalGids: [77], home: '/home/worker' } },
  // a number without an entry is fine, and belongs to group 0
  { spec: '4242', want: { uid: 4242, gid: 0, additionalGids: [0], home: '/' } },
  { spec: '2147483647', want: { uid: 2147483647, gid: 0, additionalGids: [0], home: '/' } },
]

for (const { spec, want } of CASES)
  test(`user ${JSON.stringify(spec)}`, () => assert.deepEqual(resolveUser(spec, [], files), want))

test('group_add comes after the memberships, by name or number', () => {
  assert.deepEqual(resolveUser('worker', ['root', '55'], files).additionalGids, [1235, 2000, 3000, 0, 55])
})

for (const spec of ['2147483648', '4294967296', '-1', '1:', '1:2:3', ':5', '0:4294967296', 'a\nb'])
  test(`refuses the user ${JSON.stringify(spec)} (CVE-2024-40635, CVE-2026-30892)`, () => {
    assert.throws(() => parseUserSpec(spec), { code: 'INVALID_REQUEST' })
    assert.throws(() => resolveUser(spec, [], files), { code: 'INVALID_REQUEST' })
  })

test('an unknown name is an error, of users and of groups', () => {
  assert.throws(() => resolveUser('nobody', [], files), /unable to find user nobody: no matching entries/)
  assert.throws(() => resolveUser('worker:nogroup', [], files), /unable to find group nogroup/)
  assert.throws(() => resolveUser('', ['nogroup'], files), /unable to find group nogroup/)
})

test('entries with ids out of range are passed over', () => {
  const hostile = { passwd: 'evil:x:4294967296:0::/:\nevil:x:5:6::/h:\n', group: '' }
  assert.equal(resolveUser('evil', [], hostile).uid, 5)
})
