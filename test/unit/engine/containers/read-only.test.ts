import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFiles } from '../../../../src/host/files.ts'
import { canBindReadOnly, checkReadOnly, readOnlyFolders } from '../../../../src/engine/containers/read-only.ts'
import type { OciRuntime } from '../../../../src/engine/runtime/runtime.ts'
import { hasVersion } from '../../../../src/engine/runtime/version.ts'
import type { MountRecord } from '../../../../src/state/containers.ts'

const BIND = { kind: 'bind', source: '/a', propagation: '', recursive: true, createSource: false, mode: '' } as const
const READ_ONLY: MountRecord = { ...BIND, destination: '/b', readOnly: true }
const WRITABLE: MountRecord = { ...BIND, destination: '/c', readOnly: false }

const VERSIONS: [string, readonly [number, number], boolean][] = [
  ['crun version 1.8.1', [1, 4], true],
  ['runc version 1.1.5+ds1', [1, 1], true],
  ['crun version 1.3', [1, 4], false],
  ['6.1.0-13-amd64', [5, 12], true],
  ['5.10.0-21-amd64', [5, 12], false],
  ['', [1, 1], false],
]
for (const [text, wanted, want] of VERSIONS)
  test(`${text} >= ${wanted.join('.')}`, () => assert.equal(hasVersion(text, wanted), want))

test('the runtime is only asked when a mount is read-only', async () => {
  let asked = 0
  const runtime = { knowsRecursiveReadOnly: async () => (asked += 1) > 0 } as unknown as OciRuntime
  assert.equal(await canBindReadOnly([WRITABLE], '6.1.0', runtime), false)
  assert.equal(await canBindReadOnly([READ_ONLY], '5.10.0', runtime), false)
  assert.equal(asked, 0)
  assert.equal(await canBindReadOnly([READ_ONLY], '6.1.0', runtime), true)
})

test('where it cannot be: a warning, an error for who insists, silence for who does not care', () => {
  const warnings: string[] = []
  const warn = (text: string): void => void warnings.push(text)
  checkReadOnly([READ_ONLY, WRITABLE, { ...READ_ONLY, readOnlyBelow: 'never' }], false, warn)
  assert.equal(warnings.length, 1)
  assert.match(warnings[0] ?? '', /^\/b cannot be mounted read-only with all below it/)
  assert.throws(() => checkReadOnly([{ ...READ_ONLY, readOnlyBelow: 'always' }], false, warn), { code: 'UNSUPPORTED' })
  checkReadOnly([READ_ONLY, { ...READ_ONLY, readOnlyBelow: 'always' }], true, warn)
  assert.equal(warnings.length, 1)
})

test('only folders are asked to be read-only with all below them', async () => {
  const mounts: MountRecord[] = [
    { ...READ_ONLY, source: import.meta.dirname, destination: '/folder' },
    { ...READ_ONLY, source: import.meta.filename, destination: '/file' },
    { ...READ_ONLY, source: '/no/such/source', destination: '/absent' },
    { ...WRITABLE, source: import.meta.dirname },
  ]
  assert.deepEqual([...(await readOnlyFolders(createFiles(), mounts))], ['/folder'])
})
