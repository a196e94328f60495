import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkStorageOptions, warnOfLabels } from '../../../../src/engine/containers/unsupported-storage.ts'
import { parseBind } from '../../../../src/engine/containers/mount-plan.ts'
import type { MountRecord } from '../../../../src/state/containers.ts'

describe('storage that cannot be had', () => {
  it('a quota is refused by name', () => {
    assert.throws(() => checkStorageOptions({ StorageOpt: { size: '1G' } }), {
      code: 'STORAGE_OPTION',
      message: /size=1G/,
    })
    checkStorageOptions({ StorageOpt: {} })
  })

  it('labels are warned about where SELinux is', () => {
    const mounts = ['/a:/a:ro,z', '/b:/b', '/c:/c:Z'].map((bind) => parseBind(bind) as MountRecord)
    const warnings = (exists: boolean): string[] => {
      const found: string[] = []
      warnOfLabels({ existsSync: () => exists }, mounts, (text) => void found.push(text.split(' ')[0] ?? ''))
      return found
    }
    assert.deepEqual(warnings(true), ['/a', '/c'])
    assert.deepEqual(warnings(false), [])
  })
})
