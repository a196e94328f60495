import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseMountWords, volumeSource } from '../../../../src/engine/volumes/options.ts'

describe('options of the driver local', () => {
  const good: readonly { name: string; options: Record<string, string>; want: object }[] = [
    { name: 'none', options: {}, want: { kind: 'folder' } },
    {
      name: 'a folder',
      options: { type: 'none', o: 'bind', device: '/srv//data' },
      want: { kind: 'bind', path: '/srv/data' },
    },
    {
      name: 'a folder, read-only: no longer the folder as it is',
      options: { type: 'none', o: 'bind,ro', device: '/srv' },
      want: { kind: 'mount', type: 'none', device: '/srv', flags: 4096 | 1, data: '' },
    },
    {
      name: 'nfs',
      options: { type: 'nfs', o: 'addr=10.0.0.2,rw,nolock,noexec', device: ':/export' },
      want: { kind: 'mount', type: 'nfs', device: ':/export', flags: 8, data: 'addr=10.0.0.2,nolock' },
    },
    {
      name: 'tmpfs',
      options: { type: 'tmpfs', device: 'tmpfs', o: 'size=100m,uid=1000' },
      want: { kind: 'mount', type: 'tmpfs', device: 'tmpfs', flags: 0, data: 'size=100m,uid=1000' },
    },
    {
      name: 'a disk',
      options: { type: 'ext4', device: '/dev/vdb' },
      want: { kind: 'mount', type: 'ext4', device: '/dev/vdb', flags: 0, data: '' },
    },
  ]
  for (const { name, options, want } of good)
    it(name, () => assert.deepEqual(volumeSource({ DriverOpts: options }), want))

  const bad: readonly { name: string; options: Record<string, string>; message: RegExp }[] = [
    { name: 'an unknown key', options: { typ: 'nfs' }, message: /invalid option: "typ"/ },
    { name: 'no device', options: { type: 'nfs', o: 'addr=1.2.3.4' }, message: /missing required option: "device"/ },
    { name: 'no type', options: { device: '/srv' }, message: /missing required option: "type"/ },
    { name: 'o alone', options: { o: 'bind' }, message: /missing required option: "type"/ },
    { name: 'a relative folder', options: { type: 'none', o: 'bind', device: 'x' }, message: /absolute path/ },
    { name: 'none without bind', options: { type: 'none', device: '/x' }, message: /needs o=bind/ },
    { name: 'a quota', options: { size: '1g' }, message: /no quota support/ },
  ]
  for (const { name, options, message } of bad)
    it(`refuses ${name}`, () =>
      assert.throws(() => volumeSource({ DriverOpts: options }), { code: 'VOLUME_OPTIONS', message }))

  it('the last word of a pair counts; names of every object are no words', () => {
    assert.deepEqual(parseMountWords('ro,rw,nodev,ro,constructor'), { flags: 1 | 4, data: 'constructor' })
  })
})
