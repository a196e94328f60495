import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseBind, parseMount, planMounts } from '../../../../src/engine/containers/mount-plan.ts'

const nobody = (): never => assert.fail('no other container')

test('binds: folder, volume, anonymous, options', () => {
  assert.deepEqual(parseBind('/src/:/dst:ro,rslave'), {
    kind: 'bind',
    source: '/src',
    destination: '/dst',
    readOnly: true,
    propagation: 'rslave',
    recursive: true,
    createSource: true,
    mode: 'ro,rslave',
  })
  assert.deepEqual(parseBind('data:/var/lib/x'), {
    kind: 'volume',
    destination: '/var/lib/x',
    readOnly: false,
    copyUp: true,
    subpath: '',
    mode: '',
    request: { Name: 'data' },
  })
  assert.deepEqual(parseBind('/anonymous'), {
    kind: 'volume',
    destination: '/anonymous',
    readOnly: false,
    copyUp: true,
    subpath: '',
    mode: '',
    request: {},
  })
})

const BAD_BINDS = ['a:b', '/a:/', '/a:/b/../..', '/a:/b:ro,rw', '/a:/b:what', '/a:/b:c:d', ':/b', '../a:/b', 'x/y:/b']
for (const bind of BAD_BINDS)
  test(`refuses the bind ${bind}`, () => assert.throws(() => parseBind(bind), { code: 'INVALID_REQUEST' }))

test('the long syntax does not make sources', () => {
  const wish = parseMount({ Type: 'bind', Source: '/a', Target: '/b' })
  assert.equal(wish.kind === 'bind' && wish.createSource, false)
})

test('read-only below the source: never, always, or where it can be; not both, and not when it is writable', () => {
  const bind = (BindOptions: object, ReadOnly = true) =>
    parseMount({ Type: 'bind', Source: '/a', Target: '/b', ReadOnly, BindOptions })
  const below = (wish: ReturnType<typeof parseMount>) => (wish.kind === 'bind' ? wish.readOnlyBelow : 'no bind')
  assert.equal(below(bind({})), undefined)
  assert.equal(below(bind({ ReadOnlyNonRecursive: true })), 'never')
  assert.equal(below(bind({ ReadOnlyForceRecursive: true })), 'always')
  assert.throws(() => bind({ ReadOnlyNonRecursive: true, ReadOnlyForceRecursive: true }), { code: 'INVALID_REQUEST' })
  assert.throws(() => bind({ ReadOnlyForceRecursive: true }, false), { code: 'INVALID_REQUEST' })
})

test('tmpfs sizes and modes become options', () => {
  assert.deepEqual(parseMount({ Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 1024, Mode: 0o1770 } }), {
    kind: 'tmpfs',
    destination: '/t',
    options: ['size=1024', 'mode=1770'],
  })
})

test('one entry per destination, sorted; an explicit mount replaces the image volume', () => {
  const wishes = planMounts(
    { Volumes: { '/var/lib/pg': {}, '/cache/': {} } },
    { Binds: ['pg:/var/lib/pg'], Tmpfs: { '/run': 'size=1m,noexec' } },
    nobody,
  )
  assert.deepEqual(
    wishes.map(({ kind, destination }) => `${kind} ${destination}`),
    ['volume /cache', 'tmpfs /run', 'volume /var/lib/pg'],
  )
  const [, , pg] = wishes
  assert.ok(pg?.kind === 'volume' && pg.request.Name === 'pg')
})

test('the same destination twice is an error', () => {
  assert.throws(() => planMounts({}, { Binds: ['a1:/x', '/b:/x/'] }, nobody), /Duplicate mount point: \/x/)
})

test('volumes_from takes volumes and binds, read-only on wish, no tmpfs', () => {
  const record = {
    kind: 'bind',
    source: '/s',
    destination: '/d',
    readOnly: false,
    propagation: '',
    recursive: true,
  } as const
  const wishes = planMounts({}, { VolumesFrom: ['other:ro'] }, (name) => {
    assert.equal(name, 'other')
    return [
      { ...record, createSource: false, mode: '' },
      { kind: 'tmpfs', destination: '/t', options: [] },
    ]
  })
  assert.equal(wishes.length, 1)
  assert.ok(wishes[0]?.kind === 'shared' && wishes[0].record.kind === 'bind' && wishes[0].record.readOnly)
})

test('tmpfs options that mount(2) would read as something else are refused', () => {
  assert.throws(() => planMounts({}, { Tmpfs: { '/t': 'size=1m,bind' } }, nobody), /invalid tmpfs option "bind"/)
})
