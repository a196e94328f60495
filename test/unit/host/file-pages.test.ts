/** What may be dropped, told from smaps' text; and that this process lives on, smaller, when it is. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { cleanRanges, createFilePageRelease } from '../../../src/host/file-pages.ts'
import { loadLibc } from '../../../src/host/libc.ts'

const mapping = (range: string, permissions: string, path: string, anonymousKiB: number): string =>
  `${range} ${permissions} 00001000 fe:00 1234                       ${path}\nRss:                 120 kB\nAnonymous:   ${String(anonymousKiB).padStart(12)} kB\nVmFlags: rd mr mw me\n`

test('only unchanged, unwritable mappings of the program are dropped', () => {
  const smaps = [
    mapping('00400000-00c00000', 'r--p', '/usr/bin/node', 0),
    mapping('00c00000-02c00000', 'r-xp', '/usr/bin/node', 0),
    mapping('02c00000-02c10000', 'r--p', '/usr/bin/node', 64),
    mapping('02c10000-02c20000', 'rw-p', '/usr/bin/node', 0),
    mapping('7f0000000000-7f0000100000', 'r-xp', '/usr/lib/libc.so.6', 0),
    mapping('7f0000200000-7f0000300000', 'r--p', '/usr/bin/node-other', 0),
  ].join('')
  assert.deepEqual(cleanRanges(smaps, '/usr/bin/node'), [
    { start: 0x400000n, bytes: 0x800000n },
    { start: 0xc00000n, bytes: 0x2000000n },
  ])
})

test('a process goes on after it gave its pages back, and needs fewer', () => {
  const fileKiB = (): number =>
    Number(/^RssFile:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0)
  const before = fileKiB()
  const release = createFilePageRelease(loadLibc())
  release()
  release()
  const after = fileKiB()
  assert.ok(after < before / 2, `${before} KiB before, ${after} KiB after`)
  assert.equal(JSON.stringify([1, 'x'.padEnd(3)].toReversed()), '["x  ",1]')
})
