import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { propagationOf } from '../../../../src/engine/containers/mount-sources.ts'

const MOUNTINFO = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
31 22 0:40 / /mnt rw - tmpfs tmpfs rw
32 31 0:41 / /mnt/disk rw master:3 - ext4 /dev/vdb rw
33 22 0:42 / /mnt rw shared:9 master:2 - tmpfs tmpfs rw
`

describe('the mount below a path', () => {
  for (const [path, point, fields] of [
    ['/srv/x', '/', 'shared:1'],
    ['/mnt', '/mnt', 'shared:9 master:2'],
    ['/mnt/disk/deep', '/mnt/disk', 'master:3'],
    ['/mntx', '/', 'shared:1'],
  ] as const)
    it(path, () => assert.deepEqual(propagationOf(MOUNTINFO, path), { point, fields }))
})
